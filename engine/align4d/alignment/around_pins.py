"""Poses solved anew around those that the artist knows: from both ends, with the video and the motion prior between them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..job.reporting import Reporter
from ..motion.joints import change_between, corrected, joints_of, without_jumps
from ..motion.skeleton import Motion
from .flipped import joints_around, tell_flips
from .known_views import KnownViewLoss
from .lifted_depth import LiftedDepth
from .optimizer import LeveredAdam
from .pinned_depth import tell_pins
from .pose_cost import PoseCost
from .pose_levers import levers
from .solved import Solved
from .tracking_settings import TrackingSettings
from .view import seen_by_any
from .view_losses import ViewLosses

Joints = tuple[Tensor, Tensor]
"""Turns and shifts of joints, (T, K, 3) each."""


@dataclass(frozen=True)
class HandSettings:
    """Attributes:
    iterations: steps of the frames that are solved anew.
    rate, last_rate: as in `TrackingSettings`.
    smooth: as in `RefinementSettings`.
    lasting: frames beyond the last pin, or before the first, over which half of its correction fades.
    """

    iterations: int = 36
    rate: float = 0.01
    last_rate: float = 0.001
    smooth: float = 2.0
    lasting: float = 24.0


@dataclass(frozen=True)
class Span:
    """What is solved anew.

    Attributes:
        frames: (F,) int64, in their order.
        shares: of each pinned frame (T,) how much of its correction each frame gets; at most 1 in all.
    """

    frames: np.ndarray
    shares: dict[int, np.ndarray]


def span_of(pinned: Sequence[int], certain: Sequence[int], frames: int, lasting: float) -> Span:
    """The frames between the pins, and between each pin and the clip's ends; what was certain before is a pin that corrects nothing.

    Args:
        pinned: frames with a new pin.
        certain: frames whose pose was known before.
        frames: of the clip.
        lasting: see `HandSettings`.
    """
    if not pinned:
        return Span(np.zeros(0, np.int64), {})
    fixed = sorted({*pinned, *certain})
    time = np.arange(frames)
    shares = {frame: np.zeros(frames) for frame in fixed}
    for left, right in itertools.pairwise(fixed):
        inside = (time >= left) & (time <= right)
        part = (time[inside] - left) / (right - left)
        shares[left][inside], shares[right][inside] = 1 - part, part
    for frame, outside in ((fixed[0], time <= fixed[0]), (fixed[-1], time >= fixed[-1])):
        shares[frame][outside] = 0.5 ** (np.abs(time[outside] - frame) / lasting)
    shares = {frame: share for frame, share in shares.items() if frame in pinned}
    touched = np.sum([*shares.values()], axis=0) > 0
    touched[fixed] = False
    return Span(np.flatnonzero(touched), shares)


class AroundPins:
    """Solves the frames around pins, and those in which limbs go the other way.

    Args:
        solved: what the job had found.
        pins: joints (1, K, 3) each of the pinned frames.
        tracking, settings: the settings.
        lifted: the motion prior, made for `solved`; None to go without.
    """

    def __init__(
        self,
        solved: Solved,
        pins: Mapping[int, Joints],
        tracking: TrackingSettings,
        settings: HandSettings,
        lifted: LiftedDepth | None,
        report: Reporter,
    ) -> None:
        self.solved, self.settings, self.lifted, self.report = solved, settings, lifted, report
        self.skeleton, self.animated = solved.skeleton, solved.animated
        self.old = joints_of(solved.skeleton, solved.motion)
        self.pins = dict(pins)
        between = span_of(list(pins), solved.certain, len(self.old[0]), settings.lasting)
        moving = joints_around(solved.flips, len(self.old[0]), self.skeleton.parent)
        moving[between.frames] = True
        moving[[*pins, *solved.certain]] = False
        self.span = Span(np.flatnonzero(moving.any(1)), between.shares)
        device = self.old[0].device
        self.moving = torch.from_numpy(moving[self.span.frames]).to(device)[..., None]
        usable = self.span.frames[seen_by_any(solved.views)[self.span.frames]]
        self.free, self.seen = (torch.from_numpy(one).to(device) for one in (self.span.frames, usable))
        self.shares = {frame: torch.from_numpy(share).to(self.old[0]) for frame, share in self.span.shares.items()}
        self.levers = levers(self.skeleton, self.old[0])
        self.cost = PoseCost(self.animated, self.skeleton, solved.views, solved.neutral, tracking)
        self.known = ViewLosses(solved.views, KnownViewLoss(tracking.loss))

    def solve(self) -> Motion:
        """All frames; those outside of the span as they were."""
        start = self._corrected()
        if not len(self.seen):
            return self._pose(start)
        if self.lifted is not None:
            motion = self._pose(start)
            self.lifted.ask(motion)
            tell_pins(self.lifted, motion, self.shares)
            tell_flips(self.lifted, motion, self.solved.flips, self.skeleton.parent)
        run = _Run(self, start)
        for iteration in range(self.settings.iterations):
            self.report.check_cancelled()
            run.step(iteration / self.settings.iterations)
            self.report.progress(iteration + 1, self.settings.iterations, run.loss)
        return self._pose(run.joints())

    def _pose(self, joints: Joints) -> Motion:
        with torch.no_grad():
            turn, shift = joints
            kept = self.cost.kept(turn.index_select(0, self.free), shift.index_select(0, self.free))
            motion = self.skeleton.pose(turn.index_copy(0, self.free, kept), shift)
        touched = torch.cat([self.free, torch.tensor(list(self.pins), dtype=torch.int64, device=self.free.device)])
        old = self.solved.motion
        return Motion(
            *(
                getattr(old, name).index_copy(0, touched, getattr(motion, name).index_select(0, touched))
                for name in ("quaternion", "rotation", "offset")
            )
        )

    def _corrected(self) -> Joints:
        """The old motion, with what each pin has changed shared out to the frames around it."""
        joints = self.old
        for frame, pin in self.pins.items():
            one = slice(frame, frame + 1)
            change = change_between((self.old[0][one], self.old[1][one]), pin)
            joints = corrected(*joints, change, self.shares[frame])
        for frame, pin in self.pins.items():
            at = torch.tensor([frame], device=self.free.device)
            joints = joints[0].index_copy(0, at, pin[0]), joints[1].index_copy(0, at, pin[1])
        return without_jumps(joints[0]), joints[1]

    def look(self, joints: Joints) -> Tensor:
        """A number: what the poses of all frames cost, and how unlike the video the free ones are."""
        turn, shift = joints
        motion = self.skeleton.pose(turn, shift).frames(self.seen)
        shown, stretch = self.animated.stretched(motion)
        chosen = turn.index_select(0, self.seen), shift.index_select(0, self.seen)
        effort = self.cost.effort(*chosen, motion, shown.means, stretch).mean() + self._depth(shown.means)
        jerk = [(torch.diff(one / lever, n=2, dim=0) ** 2).sum() for one, lever in zip(joints, self.levers, strict=True)]
        return self.known(self.animated, shown, motion, None, self.seen) + effort + self.settings.smooth * (jerk[0] + jerk[1]) / len(turn)

    def _depth(self, means: Tensor) -> Tensor:
        if self.lifted is None:
            return self.cost.drift(means, self.cost.rest, self.seen).mean()
        points = means.index_select(1, self.lifted.index)
        drift = self.cost.drift(points, self.cost.rest[self.lifted.index], self.seen)
        doubt = self.lifted.doubt(self.seen, self.cost.settings.depth_reach)
        return (drift * doubt).mean() + self.lifted.price(points, self.seen)


class _Run:
    """The free frames on their way from one start."""

    def __init__(self, problem: AroundPins, start: Joints) -> None:
        self.problem, self.start, self.loss = problem, start, 0.0
        self.free = [(one.index_select(0, problem.free) / lever).requires_grad_() for one, lever in zip(start, problem.levers, strict=True)]
        self.optimizer = LeveredAdam(self.free, problem.cost.settings.floor)

    def joints(self) -> Joints:
        """Of all frames."""
        turn, shift = (
            one.index_copy(0, self.problem.free, free * lever) for one, free, lever in zip(self.start, self.free, self.problem.levers, strict=True)
        )
        return turn, shift

    def step(self, done: float) -> None:
        """`done`: part of the run that is over."""
        loss = self.problem.look(self.joints())
        loss.backward()
        for one in self.free:
            assert one.grad is not None
            one.grad *= self.problem.moving
        self.loss = float(loss.detach())
        settings = self.problem.settings
        self.optimizer.step(settings.rate + (settings.last_rate - settings.rate) * done)
