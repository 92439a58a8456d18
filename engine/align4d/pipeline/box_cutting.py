"""The masks of a clip with a box around its object: from colors and background alone, then with the mesh's own outline, where that is known.

Masks and motion improve each other: the first masks find the camera, the mesh in the first frame says what of them is background, and the
tracked mesh does so in every frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..cameras.orbit import intrinsics_for
from ..inputs.cutout.camera_motion import CameraMotion
from ..inputs.cutout.carry import SIDE, Carried, Cutter
from ..inputs.cutout.mesh_view import MeshView
from ..inputs.cutout.shapes import laid_into, overlap
from ..inputs.masks import Masks, boxed_masks
from ..inputs.video import Clip
from ..job.checkpoint import Checkpoint
from ..job.reporting import Reporter
from ..motion.skeleton import Motion
from ..protocol import Request
from .background import Background, background_of, with_scenery
from .mask_pictures import MaskPictures
from .posable_mesh import PosableMesh

COVERED = 0.8
"""Least part of the mesh as it stands that the first mask covers for that to be the object's pose."""
ELSEWHERE = 0.5
"""Overlap of the first mask with the mesh, laid into the box, below which it shows something else."""
BELIEVED = 0.5
"""Least overlap of the mesh's outline with the mask for the mesh to be where the object is."""

THE_SAME = 0.96
"""Overlap of two outlines of the mesh in a frame above which the second one tells nothing new."""

MASKS_OFF = 0.015
"""By so much less they overlap with the mesh in its own place than masks that are right."""


class BoxCutting:
    """The masks of one job, each kept as a stage of it.

    Args:
        folder: of the job.
        request: with a box.
        checkpoint: of the job.
        clip: of the request.
    """

    def __init__(self, folder: Path, request: Request, checkpoint: Checkpoint, report: Reporter, clip: Clip) -> None:
        self._folder, self._request, self._checkpoint, self._report, self._clip = folder, request, checkpoint, report, clip
        area = (slice(None), slice(None)) if clip.window is None else clip.window.area
        self._area: tuple[slice, slice] = area
        self._frames = clip.frames[:, *area]
        self.carried: Carried | None = None
        self._by: tuple[int, np.ndarray] | None = None
        self._cutter: Cutter | None = None

    def by_box(self) -> Masks:
        """By the box alone. Raises EngineError, see `judge`; Cancelled."""
        self.carried = self._stored("masks") or self._keep("masks", self._at_work().from_box(self._box()))
        return self._soft()

    def background(self) -> Background:
        """How the background moves."""
        before = self._before()
        return background_of(self._clip, self._request.camera.fovy, before.motion, before.inside.shape[1:3])

    def by_view(self, mesh: PosableMesh, motion: Motion, viewmat: np.ndarray, masks: Masks) -> Masks:
        """By the mesh as the artist sees it, laid into the box; as they are where the first one is not somewhere else altogether.

        Colors alone take another thing in the box for the object where that is the one that looks like nothing around.
        """
        stored = self._stored("masks_view")
        if stored is None:
            before = self._before()
            outline = laid_into(next(self._seen(mesh, motion, viewmat[None])).coverage, self._box())
            if outline is None or overlap(outline, before.inside[0]) >= ELSEWHERE:
                return masks
            stored = self._keep("masks_view", self._at_work().from_mesh(0, MeshView(outline, None), before))
        self.carried = stored
        return self._soft()

    def by_rest(self, mesh: PosableMesh, motion: Motion, viewmat: np.ndarray, masks: Masks) -> Masks:
        """By the mesh as it stands in the first frame; as they are where it reaches out of the mask, as a body in another pose does."""
        view, stored = next(self._seen(mesh, motion, viewmat[None])), self._stored("masks_rest")
        if stored is None:
            before = self._before()
            outline = view.coverage > 0.5
            if (outline & (before.inside[0] > 0.5)).sum() < COVERED * outline.sum():
                return masks
            stored = self._keep("masks_rest", self._at_work().from_mesh(0, view, before))
        self.carried, self._by = stored, (0, view.coverage)
        return self._soft()

    def by_first_pose(self, mesh: PosableMesh, motion: Motion, viewmat: np.ndarray, frame: int, masks: Masks) -> Masks:
        """By the mesh in the one frame whose pose is known; as they are where it is not over the object there, or was already."""
        if self._by is not None and self._by[0] == frame:
            view = next(self._seen(mesh, motion, viewmat[None]))
            if overlap(view.coverage, self._by[1]) >= THE_SAME:
                return masks
        return self._improved("masks_first", mesh, motion, viewmat[None], range(frame, frame + 1), masks)

    def by_motion(self, mesh: PosableMesh, motion: Motion, viewmats: np.ndarray, known: int, masks: Masks) -> Masks:
        """By the mesh in every frame where it is over the object; `known` is the one that its motion was followed from."""
        return self._improved("masks_tracked", mesh, motion, viewmats, range(len(self._frames)), masks, known)

    def _improved(
        self, name: str, mesh: PosableMesh, motion: Motion, viewmats: np.ndarray, frames: range, masks: Masks, known: int | None = None
    ) -> Masks:
        stored = self._stored(name)
        if stored is None:
            before = self._before()
            seen = {
                frame: view
                for frame, view in zip(frames, self._seen(mesh, motion, viewmats), strict=True)
                if overlap(view.coverage, before.inside[frame]) >= BELIEVED
            }
            if not seen:
                return masks
            stored = self._keep(name, self._with(seen, before, known))
        self.carried = stored
        return self._soft()

    def _with(self, seen: Mapping[int, MeshView], before: Carried, known: int | None) -> Carried:
        if known is None:
            return self._at_work().from_mesh(*next(iter(seen.items())), before)
        return self._at_work().with_mesh(seen, before, known)

    def _before(self) -> Carried:
        if self.carried is None:
            raise RuntimeError("by_box comes first")
        return self.carried

    def _seen(self, mesh: PosableMesh, motion: Motion, viewmats: np.ndarray) -> Iterator[MeshView]:
        """The mesh in each frame of `motion`, seen by its camera (F, 4, 4), at the cutter's size."""
        size: tuple[int, int] = self._clip.frames.shape[1:3]
        intrinsics = intrinsics_for(self._request.camera.fovy, size[1], size[0])
        for frame in range(len(motion.quaternion)):
            self._report.check_cancelled()
            view = mesh.seen(motion.frame(frame), viewmats[frame], intrinsics, size)
            yield view.part(self._area).reduced(SIDE)

    def _box(self) -> tuple[float, float, float, float]:
        """The box as parts of what lies between the bars."""
        left, top, right, bottom = self._request.video.box
        height, width = self._clip.frames.shape[1:3]
        window = self._clip.window
        if window is None:
            return left, top, right, bottom
        across, down = window.right - window.left, window.bottom - window.top
        sides = [(left * width - window.left) / across, (top * height - window.top) / down]
        sides += [(right * width - window.left) / across, (bottom * height - window.top) / down]
        left, top, right, bottom = np.clip(sides, 0, 1).tolist()
        return left, top, right, bottom

    def _at_work(self) -> Cutter:
        if self._cutter is None:
            self._cutter = Cutter(self._frames, self._request.seed, self._watch)
        return self._cutter

    def _watch(self, done: int, total: int) -> None:
        self._report.progress(done, total)
        self._report.check_cancelled()

    def _soft(self) -> Masks:
        before = self._before()
        masks = boxed_masks(self._clip, before.inside, MaskPictures(self._folder, self._report))
        return with_scenery(self._clip, masks, before.motion, before.inside.shape[1:3])

    def _stored(self, name: str) -> Carried | None:
        stored = self._checkpoint.load(name)
        if stored is None:
            return None
        return Carried(stored["inside"].astype(np.float32), CameraMotion(stored["homographies"], stored["explained"]))

    def _keep(self, name: str, carried: Carried) -> Carried:
        """Stored, and as it will be read again, so that a job that goes on ends with the same result."""
        inside = carried.inside.astype(np.float16)
        self._checkpoint.save(name, {"inside": inside, "homographies": carried.motion.homographies, "explained": carried.motion.explained})
        return Carried(inside.astype(np.float32), carried.motion)
