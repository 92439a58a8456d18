"""From frame to frame: the pose of the skeleton that makes each frame of the video, starting from the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..job.reporting import Reporter
from ..motion.skeleton import Skeleton
from .animated_asset import AnimatedAsset
from .known_views import KnownViewLoss, KnownViewSettings
from .optimizer import LeveredAdam
from .recorded_steps import RecordedSteps
from .reference import Reference


@dataclass(frozen=True)
class TrackingSettings:
    """Attributes:
    resolution: of the pictures that are compared [px].
    iterations: steps per frame.
    rate, last_rate: norm of a step at first and at last, as root mean square motion of the whole surface.
    floor: see `LeveredAdam`.
    momentum: how much of the last frame's change the next frame starts with.
    blur: pictures are also compared as means over squares of this size [px], so that a limb is found that is farther off
        than its own width.
    bend: cost of turning a thin joint by 1 rad; above `joint_radius` it grows with the square of the radius.
    joint_radius: up to which a joint is thin.
    slack: cost of pulling a joint apart by one longest side of the asset, squared.
    stretch: cost of a mean squared relative change of the length of the mesh's edges of 1. Too dear, a body that shortens is
        taken for one that goes away.
    depth_drift: cost of the whole surface having moved far in depth, away from the rest pose: what the video does not show
        to have moved in depth has not.
    depth_reach: motion in depth that counts half of that [longest sides]. Beyond, going farther costs little more: the price
        asks how much of the surface moves in depth, not how far, so that a leg may swing and the body still stands.
    recorded: on a GPU, record an iteration as a CUDA graph and replay it.
    loss: weights of color and mask.
    """

    resolution: int = 160
    iterations: int = 80
    rate: float = 0.004
    last_rate: float = 0.0004
    floor: float = 0.3
    momentum: float = 0.8
    blur: int = 4
    bend: float = 0.006
    joint_radius: float = 0.04
    slack: float = 0.5
    stretch: float = 0.3
    depth_drift: float = 0.015
    depth_reach: float = 0.04
    recorded: bool = True
    loss: KnownViewSettings = field(default_factory=KnownViewSettings)


@dataclass(frozen=True)
class Track:
    """Poses of the frames so far.

    Attributes:
        turn: (T, K, 3) rotation vectors of the joints.
        shift: (T, K, 3) translations of the joints.
        loss: (T,) known-view loss reached; 0 for the rest pose and for frames that were skipped.
    """

    turn: Tensor
    shift: Tensor
    loss: Tensor


def levers(skeleton: Skeleton, like: Tensor) -> tuple[Tensor, Tensor]:
    """How much to turn (1, K, 1) and to shift (1, K, 1) a joint so that the whole surface moves by a root mean square of 1.

    Both on the device and of the type of `like`.
    """
    turn = torch.from_numpy((skeleton.inertia + 1e-7) ** -0.5).to(like)
    shift = torch.from_numpy((skeleton.mass + 1e-4) ** -0.5).to(like)
    return turn[None, :, None], shift[None, :, None]


def stiffness(skeleton: Skeleton, joint_radius: float) -> Tensor:
    """(K,) resistance of each joint to bending: 1 up to `joint_radius`, more for thicker ones; the root's is 0."""
    resistance = np.maximum(1.0, (skeleton.radius / joint_radius) ** 2)
    resistance[skeleton.root] = 0
    return torch.from_numpy(resistance).float()


def track(
    animated: AnimatedAsset,
    skeleton: Skeleton,
    reference: Reference,
    world_to_camera: np.ndarray,
    settings: TrackingSettings,
    report: Reporter,
    resume: Track | None = None,
    save: Callable[[Track], None] | None = None,
) -> Track:
    """Tracks all frames; frame 0 is the rest pose.

    Args:
        world_to_camera: (4, 4), of the solved camera.
        resume: the frames that are done already.
        save: called after each frame with all frames so far.
    """
    parts, total = skeleton.count, reference.frames
    still = reference.color.new_zeros(1, parts, 3)
    done = resume or Track(still, still, torch.zeros(1))
    step = _FrameStep(animated, skeleton, reference, world_to_camera, settings)
    for frame in range(len(done.turn), total):
        start = _extrapolate(done, settings.momentum)
        if reference.usable[frame]:
            turn, shift, loss = step.solve(frame, *start, report)
        else:
            turn, shift, loss = done.turn[-1:], done.shift[-1:], 0.0
        done = Track(torch.cat([done.turn, turn]), torch.cat([done.shift, shift]), torch.cat([done.loss, torch.tensor([loss])]))
        report.progress(frame + 1, total, loss)
        if save:
            save(done)
    return done


def _extrapolate(done: Track, momentum: float) -> tuple[Tensor, Tensor]:
    """(1, K, 3) turn and shift to start the next frame with."""
    if len(done.turn) < 2:
        return done.turn[-1:], done.shift[-1:]
    return (
        done.turn[-1:] + momentum * (done.turn[-1:] - done.turn[-2:-1]),
        done.shift[-1:] + momentum * (done.shift[-1:] - done.shift[-2:-1]),
    )


class PoseCost:
    """What a pose costs whatever the video shows: bent joints, joints pulled apart, motion in depth."""

    def __init__(self, animated: AnimatedAsset, skeleton: Skeleton, world_to_camera: np.ndarray, settings: TrackingSettings) -> None:
        self.settings = settings
        rest = animated.bound.means
        self.resistance = stiffness(skeleton, settings.joint_radius).to(rest)
        self.is_joint = rest.new_ones(skeleton.count)
        self.is_joint[skeleton.root] = 0
        self.depth_axis = torch.from_numpy(world_to_camera[2, :3]).to(rest)
        self.rest_depth = rest @ self.depth_axis

    def per_frame(self, turn: Tensor, shift: Tensor, means: Tensor, stretch: Tensor) -> Tensor:
        """(T,) of turns and shifts (T, K, 3), the Gaussians' means (T, N, 3) and the stretch (T,) of the surface."""
        bend = ((turn**2).sum(-1) * self.resistance).sum(-1)
        slack = ((shift**2).sum(-1) * self.is_joint).sum(-1)
        away = (means @ self.depth_axis - self.rest_depth) ** 2
        drift = (away / (away + self.settings.depth_reach**2)).mean(-1)
        joints = self.settings.bend * bend + self.settings.slack * slack
        return joints + self.settings.depth_drift * drift + self.settings.stretch * stretch


class _FrameStep:
    """Finds the pose of one frame, in tensors that all frames share."""

    def __init__(
        self, animated: AnimatedAsset, skeleton: Skeleton, reference: Reference, world_to_camera: np.ndarray, settings: TrackingSettings
    ) -> None:
        self.animated, self.skeleton, self.reference, self.settings = animated, skeleton, reference, settings
        self.cameras = reference.cameras(world_to_camera)
        self.turn_lever, self.shift_lever = levers(skeleton, reference.color)
        self.known = KnownViewLoss(settings.loss)
        self.cost = PoseCost(animated, skeleton, world_to_camera, settings)
        self.turns, self.shifts = (torch.zeros(1, skeleton.count, 3).to(reference.color).requires_grad_() for _ in range(2))
        self.target, self.target_alpha = torch.empty_like(reference.color[:1]), torch.empty_like(reference.alpha[:1])
        self.loss = torch.zeros_like(reference.color[0, 0, 0, 0])
        self.optimizer = LeveredAdam([self.turns, self.shifts], settings.floor)
        self.steps = RecordedSteps(self._step, reference.color.device, animated.backend, settings.recorded)

    def solve(self, frame: int, turn: Tensor, shift: Tensor, report: Reporter) -> tuple[Tensor, Tensor, float]:
        """Turn (1, K, 3), shift (1, K, 3) and the known-view loss, from a first guess."""

        @torch.no_grad()
        def begin() -> None:
            self.turns.copy_(turn / self.turn_lever)
            self.shifts.copy_(shift / self.shift_lever)
            self.target.copy_(self.reference.color[frame : frame + 1])
            self.target_alpha.copy_(self.reference.alpha[frame : frame + 1])
            self.optimizer.reset()

        self.steps.run(begin, self.settings.iterations, report.check_cancelled)
        return self.turns.detach() * self.turn_lever, self.shifts.detach() * self.shift_lever, float(self.loss)

    def _step(self) -> None:
        settings = self.settings
        turn, shift = self.turns * self.turn_lever, self.shifts * self.shift_lever
        motion = self.skeleton.pose(turn, shift)
        corners = self.animated.corners(motion)
        shown = self.animated.perform(motion, corners)
        picture = self.animated.render(shown, self.cameras, self.reference.size)
        shown_and_true = (picture.color, picture.alpha, self.target, self.target_alpha)
        loss = self.known(*shown_and_true)
        blurred = self.known(*(avg_pool2d(one, settings.blur) for one in shown_and_true))
        cost = self.cost.per_frame(turn, shift, shown.means, self.animated.stretch(corners)).sum()
        (loss + blurred + cost).backward()
        self.loss.copy_(loss.detach())
        self.optimizer.step(settings.rate + (settings.last_rate - settings.rate) * self.optimizer.steps / settings.iterations)
