"""Further clips of the motion that a job finds: cut out, brought into step with the first, and their cameras found."""

from __future__ import annotations

import dataclasses
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch

from ..alignment.animated_asset import AnimatedAsset
from ..alignment.in_step import find_offset, frames_at, outlines_of, together
from ..alignment.lighting import Lighting
from ..alignment.pose import SolvedPose, glance, solve_pose
from ..alignment.reference import Reference, make_reference
from ..alignment.standing_place import moved_camera
from ..alignment.view import View
from ..cameras.orbit import Orbit, intrinsics_for, orbit_from_matrix
from ..errors import EngineError
from ..gaussians.surface_bound import BoundGaussians
from ..inputs.asset import Asset
from ..inputs.masks import Masks
from ..inputs.video import load_clip
from ..job.checkpoint import Checkpoint
from ..job.reporting import tell_once
from ..motion.skeleton import Motion
from ..protocol import ViewSpec
from ..rendering import Cameras
from .camera_moves import camera_moves
from .cutting import cut_clip
from .stages import Job

LOOK_SIDE, LOOK_FROM = 160, 3.0
"""Side [px] of the pictures of the motion that are compared with the clip's outlines, and from how far they are taken [longest sides]."""

GLANCES, GLANCE_STEPS = 24, 6
"""So many frames, evenly over the clip, are compared with the pose that is known at first; steps in which a camera is found for each."""


@dataclass(frozen=True)
class Placed:
    """Where and when a clip was taken.

    Attributes:
        offset: seconds after the first clip, see `ViewSpec`.
        frame: of this clip, in which its camera was found.
        camera: in that frame.
        lighting: of this clip.
    """

    offset: float
    frame: int
    camera: Orbit
    lighting: Lighting

    def to_arrays(self) -> dict[str, np.ndarray]:
        """For the checkpoint."""
        light = self.lighting.coefficients.cpu().numpy()
        return {"offset": np.array(self.offset), "frame": np.array(self.frame), "camera": np.array(astuple(self.camera)), "lighting": light}

    @staticmethod
    def from_arrays(arrays: dict[str, np.ndarray]) -> Placed:
        """From `to_arrays`."""
        camera, lighting = Orbit(*arrays["camera"].tolist()), Lighting(torch.from_numpy(arrays["lighting"]))
        return Placed(float(arrays["offset"]), int(arrays["frame"]), camera, lighting)


class OtherClip:
    """One further clip.

    Args:
        job: that it belongs to.
        number: of the clip, 2 for the first further one.
        spec: as requested.
        asset: of the job.

    Attributes:
        masks: there once it is cut out.
        placed: there once its camera is found.
    """

    masks: Masks
    placed: Placed

    def __init__(self, job: Job, number: int, spec: ViewSpec, asset: Asset) -> None:
        self.job, self.number, self.spec = job, number, spec
        self.clip = load_clip(spec.video, job.settings.video_side)
        self.start, self.moves = job.camera_of(spec.camera, asset), camera_moves(spec.camera, asset.similarity, self.clip)
        self.name = Path(spec.video.path or spec.video.images[0]).name
        for sentence in self.clip.notes:
            job.note("input", sentence)

    def cut_out(self) -> None:
        """Finds where the object is. Raises EngineError, see `cut_clip`."""
        job = self.job
        request = dataclasses.replace(job.request, video=self.spec.video)
        checkpoint = Checkpoint(job.folder / "work" / f"clip_{self.number}", job.checkpoint.made_of, tell_once(job.report, "made_anew"))
        self.masks, _ = cut_clip(job.folder, request, self.clip, checkpoint, job.report)
        for sentence in self.masks.notes:
            job.note("input", f"{self.name}: {sentence}")

    def begins_together(self, times: np.ndarray, offset: float) -> bool:
        """Whether a clip whose frames were taken at `times` (T,) [s] and this one, with an offset, begin and end about together."""
        return together(times, self.clip.times() + offset)

    def offset(self, animated: AnimatedAsset, motion: Motion, times: np.ndarray, told: float | None) -> float:
        """When this clip begins, by the outlines of a motion as it would be seen from its side.

        Args:
            motion: as the first clip alone tells it.
            times: (T,) of its frames, see `Clip.times`.
            told: the offset by the pose that is known; None where this clip does not show it.

        Raises:
            EngineError: "no_offset" where that cannot be told.
        """
        viewmat = Orbit(self.start.azimuth, self.start.elevation, LOOK_FROM).world_to_camera()
        pose = torch.from_numpy(viewmat).to(animated.albedo)[None]
        cameras = Cameras(pose, torch.from_numpy(intrinsics_for(Orbit.fovy, LOOK_SIDE, LOOK_SIDE)).to(pose)[None])
        outlines = []
        for frame in range(len(times)):
            self.job.report.check_cancelled()
            with torch.no_grad():
                picture = animated.render(animated.perform(motion.frame(frame)), cameras, (LOOK_SIDE, LOOK_SIDE))
            outlines.append(picture.alpha[0, 0].cpu().numpy())
        found = find_offset(outlines_of(np.stack(outlines)), times, outlines_of(self.masks.alpha), self.clip.times(), told)
        if found is None:
            message = f"When {self.name} begins cannot be told: its outline does not change as in the first clip."
            raise EngineError("no_offset", message, "Give the offset yourself, and turn Find Offset off.")
        return found

    def known_moment(self, asset: Asset, gaussians: BoundGaussians) -> int | None:
        """The frame of this clip that shows the asset as it stands, from whichever side; None where none does beyond doubt."""
        usable, settings = np.flatnonzero(~self.masks.empty), self.job.settings.search
        losses: dict[int, float] = {}
        step, near = max(len(usable) // GLANCES, 1), range(len(usable))
        while True:
            for place in near[::step]:
                if place not in losses:
                    losses[place] = self._glance(asset, gaussians, int(usable[place]))
            best = min(losses, key=lambda place: losses[place])
            if step == 1:
                break
            near, step = range(max(best - step, 0), min(best + step + 1, len(usable))), (step + 1) // 2
        try:
            solved = self._camera(asset, gaussians, int(usable[best]))
        except EngineError:
            return None
        stands = solved.apart * self.job.settings.pose.resolution <= settings.standing
        sure = stands or (solved.apart <= settings.matching and solved.overlap >= settings.exact)
        return int(usable[best]) if sure else None

    def _glance(self, asset: Asset, gaussians: BoundGaussians, frame: int) -> float:
        """How unlike a frame is what a camera near the start sees of the asset."""
        self.job.report.check_cancelled()
        settings, job = self.job.settings.pose, self.job
        return glance(asset, gaussians, self._frame(frame), self._begin(frame), settings, job.request.backend, GLANCE_STEPS)[1]

    def shown(self, times: np.ndarray, offset: float, wanted: int) -> int:
        """The frame of the first clip nearest to a wanted one among those of whose moment this clip shows the object.

        Args:
            times: (T,) of the first clip's frames, see `Clip.times`.
            offset: of this clip.

        Raises:
            EngineError: "no_common_frame" where there is none.
        """
        index, there = frames_at(times, self.clip.times() + offset)
        common = np.flatnonzero(there & ~self.masks.empty[index])
        if not len(common):
            raise self._apart()
        return int(common[np.abs(common - wanted).argmin()])

    def place(self, asset: Asset, gaussians: BoundGaussians, offset: float, time: float) -> None:
        """Finds the camera.

        Args:
            asset, gaussians: in the pose that they have at `time` [s] of the first clip, a moment that this one shows.
            offset: of this clip.

        Raises:
            EngineError: "no_overlap" where this clip shows something else.
        """
        index, _ = frames_at(np.array([time]), self.clip.times() + offset)
        frame = int(index[0])
        try:
            solved = self._camera(asset, gaussians, frame)
        except EngineError as error:
            raise EngineError(error.code, f"{self.name}: {error.message}", error.advice, error.fix) from error
        self.placed = Placed(offset, frame, solved.camera, solved.lighting)

    def move(self, by: np.ndarray) -> None:
        """Moves its camera with the world, by `by` (3,)."""
        self.placed = dataclasses.replace(self.placed, camera=moved_camera(self.placed.camera, by))

    def _camera(self, asset: Asset, gaussians: BoundGaussians, frame: int) -> SolvedPose:
        """From where a frame shows the asset as it stands. Raises EngineError "no_overlap"."""
        job = self.job
        solve, settings = self.spec.camera.solve, job.settings.pose
        return solve_pose(asset, gaussians, self._frame(frame), self._begin(frame), solve, settings, job.request.backend, job.report)

    def _frame(self, frame: int) -> Reference:
        resolution = self.job.settings.pose.resolution
        return make_reference(self.clip, self.masks, self.spec.camera.fovy, resolution, slice(frame, frame + 1), self.job.device, whole=True)

    def _begin(self, frame: int) -> Orbit:
        """Where its camera is thought to be in a frame."""
        return orbit_from_matrix(self.moves[frame] @ self.start.world_to_camera(), self.start.fovy)

    def tell(self) -> None:
        """When and from where it was taken, as the user should know."""
        camera, offset = self.placed.camera, self.placed.offset
        words = f"begins {abs(offset):.2f} s {'after' if offset >= 0 else 'before'} the first clip"
        azimuth = (camera.azimuth + 180) % 360 - 180
        self.job.note("other_clip", f"{self.name} {words}, and was taken from azimuth {azimuth:.0f}, elevation {camera.elevation:.0f}.")

    def view(self, times: np.ndarray, resolution: int) -> View:
        """The frames that this clip has of the moments `times` (T,) [s] of the first one; the others are not usable."""
        clip, placed, fovy = self.clip, self.placed, self.spec.camera.fovy
        index, there = frames_at(times, clip.times() + placed.offset)
        whole = make_reference(clip, self.masks, fovy, resolution, device=self.job.device)
        reference = whole.chosen(index)
        reference = dataclasses.replace(reference, usable=reference.usable & there)
        first = np.linalg.inv(self.moves[placed.frame]) @ placed.camera.world_to_camera()
        return View(reference, self.moves[index] @ first, placed.lighting.to(whole.color.device))

    def _apart(self) -> EngineError:
        return EngineError(
            "no_common_frame",
            f"{self.name} shows no moment of the first clip.",
            "Check when it begins (the offset), and choose ranges of frames in which both clips show the motion.",
        )
