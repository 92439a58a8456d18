"""How the clip begins: its camera, and in which frame and pose that sees the mesh."""

from __future__ import annotations

from ..alignment.animated_asset import AnimatedAsset
from ..alignment.first_pose import FirstPose, FirstPoseSearch, standing
from ..alignment.pose import LEAST_OVERLAP, SolvedPose, no_overlap
from ..errors import EngineError
from ..inputs.asset import Asset
from ..inputs.masks import Masks
from ..inputs.video import Clip
from ..motion.skinning import skin_points
from .articulation import Articulation
from .first_pose_note import is_found, pose_note
from .stages import Job


class FirstPoseStage:
    """Of a job.

    Args:
        asset: the mesh.
        plain: its Gaussians, without light.
        body: what of it moves as one.
        clip, masks: the video.

    Attributes:
        guessed: whether a pose was searched, and not found.
    """

    guessed = False

    def __init__(self, job: Job, asset: Asset, plain: AnimatedAsset, body: Articulation, clip: Clip, masks: Masks) -> None:
        self.job, self.asset, self.plain, self.body, self.clip, self.masks = job, asset, plain, body, clip, masks
        self.settings = job.settings

    def find(self) -> tuple[SolvedPose, FirstPose]:
        """The camera, and in which frame and pose it sees the mesh: as it stands, where the clip begins so, else as the search finds."""
        rest = self._rest_camera()
        if rest is not None and (self.job.is_certain(rest) or rest.apart * self.settings.pose.resolution <= self.settings.search.standing):
            return rest, self._standing(rest)
        first = self._searched(rest)
        stands = first.known_frame is not None
        self.guessed = not is_found(first)
        if not stands or self.guessed:
            self.job.first_note("first_pose", pose_note(first))
        return rest if rest is not None and stands else first.solved(), first

    def _standing(self, rest: SolvedPose) -> FirstPose:
        return standing(rest, self.body.skeleton, self.plain.bound.means)

    def _rest_camera(self) -> SolvedPose | None:
        """The camera that sees the mesh as it stands in the first frame; None where none brings it over the object."""
        job, given = self.job, (self.asset, self.plain.bound, self.clip, self.masks)
        try:
            solved = job.solve_camera(*given)
            if job.is_certain(solved):
                return solved
            placed = job.placed_camera(*given)
            return solved if self._search().is_beside(placed, solved, job.report) else placed
        except EngineError as error:
            if error.code != "no_overlap" or not job.request.camera.solve:
                raise
            return None

    def _searched(self, rest: SolvedPose | None) -> FirstPose:
        """The pose that the mesh has in the clip, searched: near the mesh as it stands, where `rest` sees that cover the first frame.

        The mesh as it stands, where the pose that was found explains the clip no more clearly: outlines alone fit too many poses.

        Raises:
            EngineError: "no_overlap" where none brings the mesh over the object of the video.
        """
        job, settings = self.job, self.settings
        stored = job.checkpoint.load("first_pose")
        if stored is not None:
            return FirstPose.from_arrays(stored, job.device)
        search, start = self._search(), job.start_camera(self.asset)
        if rest is not None and rest.apart <= settings.search.matching:
            first = search.near(start, rest.camera, job.report)
        else:
            first = search.find(start, job.request.seed, job.report)
            if first.loss > settings.search.doubted:
                turned = search.all_round(start, job.request.seed, job.report)
                first = turned if turned and turned.loss < settings.search.turned_share * first.loss else first
        if rest is not None and not search.is_clear(first, rest.camera):
            first = self._standing(rest)
        if first.overlap < LEAST_OVERLAP:
            raise no_overlap(first.overlap)
        job.checkpoint.save("first_pose", first.to_arrays())
        return first

    def _search(self) -> FirstPoseSearch:
        job, body, settings = self.job, self.body, self.settings
        skin = skin_points(body.surface, body.parts, self.asset.vertices, job.device)
        reference = job.reference(self.clip, self.masks, settings.tracking.resolution)
        given = settings.pose, settings.search, settings.tracking
        return FirstPoseSearch(self.asset, skin, self.plain, body.skeleton, reference, job.moves, *given)
