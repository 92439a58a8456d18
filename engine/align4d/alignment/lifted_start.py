"""Poses fitted to the depth that the motion prior tells: a way out of limbs that were bent the wrong way.

What was tracked in the picture is kept; joints hold the body together, so that what comes out is a pose and no cloud of points.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..motion.skeleton import Skeleton
from ..rendering.recorded_steps import Dial, RecordedSteps
from .lifted_depth import LiftedDepth
from .optimizer import LeveredAdam
from .pose_cost import PoseCost
from .pose_levers import levers
from .track import Track


def fit_to_depth(lifted: LiftedDepth, skeleton: Skeleton, cost: PoseCost, track: Track, known_frame: int | None, smooth: float) -> Track:
    """A track whose depth is what the prior says of `track`, as far as joints and the picture allow.

    Args:
        lifted: asked about `track`.
        known_frame: the frame that keeps its pose; None where none does.
        smooth: cost of acceleration, as in `RefinementSettings`.
    """
    return _Fit(lifted, skeleton, cost, track, known_frame, smooth).run()


class _Fit:
    """The poses on their way, in tensors that a recorded step may change; arguments as of `fit_to_depth`."""

    def __init__(self, lifted: LiftedDepth, skeleton: Skeleton, cost: PoseCost, track: Track, known_frame: int | None, smooth: float) -> None:
        self.lifted, self.skeleton, self.cost, self.track, self.smooth = lifted, skeleton, cost, track, smooth
        self.settings, self.surface = lifted.settings, lifted.surface
        self.turn_lever, self.shift_lever = levers(skeleton, track.turn)
        frames = torch.arange(len(track.turn), device=track.turn.device)
        self.free = frames if known_frame is None else frames[frames != known_frame]
        self.turns, self.shifts = (one.clone().requires_grad_() for one in self._start())
        self.optimizer = LeveredAdam([self.turns, self.shifts], cost.settings.floor)
        self.rate = Dial(self.turns.device)
        with torch.no_grad():
            self.tracked = self.lifted.in_picture(self.surface.placed(skeleton.pose(track.turn, track.shift))[0])

    def run(self) -> Track:
        """See `fit_to_depth`."""
        settings = self.settings
        rates: Iterator[float] = iter(())

        @torch.no_grad()
        def begin() -> None:
            nonlocal rates
            for one, start in zip((self.turns, self.shifts), self._start(), strict=True):
                one.copy_(start)
            self.optimizer.reset()
            change = settings.fit_last_rate - settings.fit_rate
            rates = iter([settings.fit_rate + change * (iteration / settings.fit_iterations) for iteration in range(settings.fit_iterations)])

        def each() -> None:
            self.rate.set(next(rates))

        steps: RecordedSteps[None] = RecordedSteps(self._step, self.turns.device, self.surface.backend, self.cost.settings.recorded)
        steps.run(begin, settings.fit_iterations, each)
        with torch.no_grad():
            return Track(*self._poses(), self.track.loss, self.track.first)

    def _start(self) -> tuple[Tensor, Tensor]:
        return self.track.turn[self.free] / self.turn_lever, self.track.shift[self.free] / self.shift_lever

    def _poses(self) -> tuple[Tensor, Tensor]:
        turn, shift = self.turns * self.turn_lever, self.shifts * self.shift_lever
        return self.track.turn.index_copy(0, self.free, turn), self.track.shift.index_copy(0, self.free, shift)

    def _step(self, _: None) -> None:
        settings, cost = self.settings, self.cost
        turn, shift = self._poses()
        motion = self.skeleton.pose(turn, shift)
        points, stretch = self.surface.placed(motion)
        off = (self.lifted.in_picture(points) - self.tracked) / settings.in_view
        picture = settings.weight * ((1 + off.square().sum(-1)).sqrt() - 1).mean()
        jerk = sum((one.diff(n=2, dim=0) ** 2).sum() for one in (turn / self.turn_lever, shift / self.shift_lever))
        effort = (cost.joints(turn, shift, stretch) + cost.beyond(motion)).mean() + self.smooth * jerk / len(turn)
        (picture + self.lifted.pull(points) + effort).backward()
        self.optimizer.step(self.rate.value)
