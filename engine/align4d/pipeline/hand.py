"""The artist's hand: a finished motion, solved anew around the poses that the artist knows, everything else untouched."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from ..alignment.around_pins import AroundPins, Joints
from ..alignment.from_pin import follow_from
from ..alignment.pinned_pose import fit_joints, skin_of_points
from ..alignment.refinement import Refined
from ..alignment.solved import Solved
from ..bake.binding import bind_points
from ..bake.frames import FrameBake
from ..bake.gaussians import GaussianSequence, owners
from ..bake.pinned_points import PinnedPoints
from ..bake.poses import write_poses
from ..bake.result import to_object_space
from ..errors import EngineError, writing
from ..inputs.asset import Asset, load_asset, weld
from ..inputs.foreign import reading
from ..job.reporting import Reporter
from ..motion.skeleton import Motion
from ..motion.skinning import Skin
from ..protocol import BASE, POSES, SOLVED, ObjectResult, PinSpec, Request, Result, inside, read_arrays, read_pc2, read_result, write_json, write_pc2
from ..rendering.cpu.threads import threads_for_kernels
from .first_pose_note import KEEP_A_POSE
from .stages import Job

STAGES = ("reading", "solving", "baking")


def solve_around_pins(folder: Path, request: Request, report: Reporter) -> Result:
    """Runs the job of a request that corrects another one.

    Raises:
        EngineError: "bad_pin" for a pin that does not belong to the motion, "not_correctable" where what it corrects cannot be read.
        Cancelled: the user cancelled.
    """
    job = HandJob(folder, request, report)
    with job.stage("reading"):
        asset = load_asset(request, folder, rigged=False)
        solved, base = job.read_base(asset)
        targets = {pin.frame: job.read_pin(pin, asset, base.frames) for pin in request.pins}
    with job.stage("solving"):
        pins = job.fit(asset, solved, targets)
        if solved.guessed and pins:
            solved = job.follow(asset, solved, pins)
        around = job.around(solved, base.fps, pins)
        motion = around.solve()
    with job.stage("baking"):
        return job.bake(asset, solved, base, motion, around, targets)


class HandJob(Job):
    """The stages of a correction."""

    stages = STAGES

    def read_base(self, asset: Asset) -> tuple[Solved, Result]:
        """What the job that is corrected had found."""
        base = self.folder / BASE
        advice = "Generate the motion again, and correct that."
        with reading("not_correctable", "What this job corrects cannot be read", advice):
            arrays = read_arrays(base / SOLVED)
            solved = Solved.from_arrays(arrays, asset, self.settings.refinement.hexplane, self.request.backend, self.device)
            return solved, read_result(base)

    def read_pin(self, pin: PinSpec, asset: Asset, frames: int) -> np.ndarray:
        """(B, 3) float32 positions of the bake points, normalized space. Raises EngineError "bad_pin"."""
        advice = "Pin a frame of the motion, with the positions of all its vertices."
        if not 0 <= pin.frame < frames:
            raise EngineError("bad_pin", f"Frame {pin.frame + 1} is pinned, and the motion has {frames} frames.", advice)
        with reading("bad_pin", f"The pin of frame {pin.frame + 1} cannot be read", advice):
            positions = read_arrays(inside(self.folder, pin.pose))["positions"]
            if positions.shape != asset.bake_points.shape or not np.isfinite(positions).all():
                raise ValueError(f"it has to hold {len(asset.bake_points)} positions")
        return asset.similarity.apply(positions).astype(np.float32)

    def fit(self, asset: Asset, solved: Solved, targets: dict[int, np.ndarray]) -> dict[int, Joints]:
        """The pins as joints."""
        skin, rest = self.baked_skin(asset, solved), torch.from_numpy(asset.bake_points).to(self.device)
        pins: dict[int, Joints] = {}
        for frame, positions in targets.items():
            self.report.check_cancelled()
            pins[frame] = fit_joints(solved.skeleton, skin, rest, solved.motion.frame(frame), torch.from_numpy(positions).to(self.device))
        return pins

    @staticmethod
    def baked_skin(asset: Asset, solved: Solved) -> Skin:
        """How the bake points follow the parts."""
        binding = bind_points(asset)
        return skin_of_points(asset.triangles, binding.triangle, binding.barycentric, solved.skin)

    def follow(self, asset: Asset, solved: Solved, pins: dict[int, Joints]) -> Solved:
        """The motion anew from the first pin, where the old one is a guess."""
        frame, settings = min(pins), self.settings
        with threads_for_kernels():
            return follow_from(solved, asset, frame, pins[frame], settings.tracking, settings.search, settings.refinement.appearance, self.report)

    def around(self, solved: Solved, fps: float, pins: dict[int, Joints]) -> AroundPins:
        """The problem: pins as joints, the motion prior."""
        lifted = self.motion_prior(solved.animated, solved.views, solved.turned, fps)
        return AroundPins(solved, pins, self.settings.tracking, self.settings.hand, lifted, self.report)

    def bake(self, asset: Asset, solved: Solved, base: Result, motion: Motion, around: AroundPins, targets: dict[int, np.ndarray]) -> Result:
        """The new frames in the place of the old ones; result.json last."""
        baking = FrameBake(asset, weld(asset), solved.skin, solved.field, solved.known_frame, self.settings.relaxing)
        skin = self.baked_skin(asset, solved)
        frames = sorted({*around.span.frames.tolist(), *targets})
        beyond = PinnedPoints(skin, motion, targets, lambda frame: baking.points(baking.vertices(motion, frame)), around.span.shares)
        positions = np.empty((len(frames), *asset.bake_points.shape), np.float32)
        for index, frame in enumerate(frames):
            self.report.check_cancelled()
            positions[index] = beyond.add(baking.points(baking.vertices(motion, frame)), frame)
            self.report.progress(index + 1, len(frames))
        folders = self._write_gaussians(asset, solved, baking, motion) if self.request.gaussians else ("",) * len(base.objects)
        objects = tuple(
            dataclasses.replace(self._write_motion(asset, index, entry, frames, positions), gaussians=gaussians)
            for index, (entry, gaussians) in enumerate(zip(base.objects, folders, strict=True))
        )
        corrected = dataclasses.replace(solved, motion=motion, pinned=tuple(sorted({*solved.pinned, *targets})), flips=())
        self.keep(corrected, asset, base.fps)
        poses = write_poses(self.folder, asset.similarity, solved.skeleton, read_arrays(self.folder / BASE / POSES), motion)
        kept = (note for note in base.notes if not note.endswith(KEEP_A_POSE))  # a pose was kept
        notes = (*kept, *self.notes)
        result = dataclasses.replace(base, job=self.request.job, objects=objects, notes=notes, seconds=self.seconds, poses=poses)
        with writing():
            write_json(self.folder / "output" / "result.json", result)
        return result

    def _write_gaussians(self, asset: Asset, solved: Solved, baking: FrameBake, motion: Motion) -> tuple[str, ...]:
        """Those of all frames, in the colors that the clip gave them; they follow the bones, also where a pinned pose shows more than these."""
        sequence = GaussianSequence(self.folder, asset, owners(asset, solved.animated.bound))
        shown = Refined(motion, solved.field, solved.animated, [])
        for frame, viewmat in enumerate(solved.views[0].viewmats):
            self.report.check_cancelled()
            sequence.write(frame, shown.on_surface(frame, baking.vertices(motion, frame)[asset.triangles], viewmat))
        return sequence.folders

    def _write_motion(self, asset: Asset, index: int, entry: ObjectResult, frames: list[int], positions: np.ndarray) -> ObjectResult:
        """The old motion of an object with these frames (F,) anew, from all points (F, B, 3)."""
        motion = read_pc2(inside(self.folder / BASE, entry.motion)).copy()
        motion[frames] = to_object_space(asset, asset.objects[index], positions)
        with writing():
            (self.folder / entry.motion).parent.mkdir(parents=True, exist_ok=True)
            write_pc2(self.folder / entry.motion, motion)
        return entry
