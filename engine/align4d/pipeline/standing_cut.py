"""The masks of a clip with a box, by the mesh as it stands: the camera is searched by their outlines."""

from __future__ import annotations

from collections.abc import Callable

from ..alignment.lighting import Lighting, unlit
from ..alignment.pose import CLEARLY, SolvedPose, covering_camera
from ..errors import EngineError
from ..gaussians.surface_bound import BoundGaussians
from ..inputs.asset import Asset
from ..inputs.masks import Masks
from ..inputs.video import Clip
from ..motion.skeleton import Skeleton
from .box_cutting import BoxCutting
from .posable_mesh import PosableMesh
from .stages import Job


class StandingCut:
    """Of a job.

    Args:
        cutting: its masks.
        asset, gaussians, skeleton: the mesh.
        clip: the video.
        lit: the mesh in a light.
    """

    def __init__(
        self,
        job: Job,
        cutting: BoxCutting,
        asset: Asset,
        gaussians: BoundGaussians,
        skeleton: Skeleton,
        clip: Clip,
        lit: Callable[[Lighting], PosableMesh],
    ) -> None:
        self.job, self.cutting, self.asset, self.gaussians, self.clip, self.lit = job, cutting, asset, gaussians, clip, lit
        zero = gaussians.means.new_zeros(1, skeleton.count, 3)
        self.still = skeleton.pose(zero, zero)

    def cut(self, masks: Masks) -> Masks:
        """The masks by the mesh in its place, where it covers the object as it stands.

        Where colors alone seem to have cut something else out, the mesh in the box says what the object is, if it then covers that clearly
        better: from a camera far beside the video's, its outline is not the object's either.
        """
        viewmat = self.job.start_camera(self.asset).world_to_camera()
        by_colors, masks = masks, self.cutting.by_view(self.lit(unlit()), self.still, viewmat, masks)
        placed = self._covering(masks)
        if masks is not by_colors:
            other = self._covering(by_colors)
            if other and (placed is None or 1 - placed.overlap > CLEARLY * (1 - other.overlap)):
                masks, placed = self.cutting.by_box(), other
        if placed is None:
            return masks
        return self.cutting.by_rest(self.lit(placed.lighting), self.still, placed.camera.world_to_camera(), masks)

    def _covering(self, masks: Masks) -> SolvedPose | None:
        """The camera by which the mesh as it stands covers the object; None where none does."""
        job = self.job
        frame, start, solve = job.first_frame(self.clip, masks), job.start_camera(self.asset), job.request.camera.solve
        try:
            return covering_camera(self.asset, self.gaussians, frame, start, solve, job.settings.pose, job.request.backend, job.report)
        except EngineError as error:
            if error.code != "no_overlap":
                raise
            return None
