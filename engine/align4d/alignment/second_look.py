"""A second look at a finished track: bodies come back to poses that they had.

Tracking knows the frames before. Where a limb went astray it stays so, though the body may stand at the clip's end as it did at its
beginning. So frames are solved from poses of frames that are explained better, and what is found goes on to their neighbors.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..job.reporting import Reporter
from ..motion.skeleton import Skeleton
from .animated_asset import AnimatedAsset
from .frame_step import FrameStep
from .tracking import Track, extrapolated
from .tracking_settings import TrackingSettings
from .view import View

Found = tuple[int, Tensor, Tensor, float, float]
"""A frame, turn and shift (1, K, 3), the known-view loss, and all that is made small."""

EVERY = 6
"""So many frames apart, from both ends, poses of other frames are tried."""
NEAR = 2
"""Frames that are no farther from each other have been each other's guess already."""
TRUSTED = 0.85
"""A frame's pose is tried where its known-view loss, in that of the other frame, is below this."""
FITS = 0.9
"""A neighbor's pose fits better as it is where it costs less than this share of the frame's own."""
PATIENCE = 8
"""After so many frames that what goes on makes no better it goes no farther."""
SAME = 0.003
"""Poses that differ by less are one, as root mean square over the surface [longest sides]."""


def look_again(
    animated: AnimatedAsset,
    skeleton: Skeleton,
    views: tuple[View, ...],
    track: Track,
    neutral: Tensor,
    settings: TrackingSettings,
    report: Reporter,
) -> Track:
    """The track with what is found from other frames' poses, where that makes all that is made small clearly smaller.

    Args:
        track: of all frames, by `tracking.track` and the same views. The pose that it began with stays, and those of frames it skipped.
        neutral: (1, K, 3) turns that cost nothing.
    """
    look = _SecondLook(FrameStep(animated, skeleton, views, neutral, settings), track, report)
    for frame in look.places():
        look.try_others(frame)
    return look.track


class _SecondLook:
    """The track at hand, and what each of its frames costs."""

    def __init__(self, step: FrameStep, track: Track, report: Reporter) -> None:
        self.step, self.track, self.report = step, track, report
        self.free = (track.loss > 0).tolist()
        judged = [step.judge(frame, track.turn[[frame]], track.shift[[frame]]) for frame in range(len(self.free))]
        self.cost, self.known = (torch.cat(one).cpu() for one in zip(*judged, strict=True))
        self.changed: set[int] = set()

    def places(self) -> list[int]:
        """Frames at which to look, the last first: some of all, and those whose neighbor's pose fits better as it is."""
        last = len(self.free) - 1
        return [frame for frame in range(last, -1, -1) if self.free[frame] and ((last - frame) % EVERY == 0 or self._fits_worse(frame))]

    def _fits_worse(self, frame: int) -> bool:
        beside = [other for other in (frame - 1, frame + 1) if 0 <= other < len(self.free)]
        return bool((self._judged(frame, beside) < FITS * self.cost[frame]).any())

    def _judged(self, frame: int, others: list[int]) -> Tensor:
        """(B,) what a frame costs in the poses of others."""
        return self.step.judge(frame, self.track.turn[others], self.track.shift[others])[0].cpu()

    def try_others(self, frame: int) -> None:
        """Solves a frame from the pose of the other frame that suits it best."""
        if frame in self.changed:
            return
        far = (other for other in range(len(self.free)) if abs(other - frame) > NEAR)
        others = [other for other in far if 0 < self.known[other] < TRUSTED * self.known[frame]]
        others += [other for other in (frame - 1, frame + 1) if 0 <= other < len(self.free)]
        best = others[int(self._judged(frame, others).argmin())]
        found = self.step.followed(frame, self.track.turn[[best]], self.track.shift[[best]], float(self.cost[frame]), self.report)
        if found is None:
            return
        gain = float(self.cost[frame]) - found[3]
        self._put(frame, *found)
        for direction in (-1, 1):
            self._go_on(frame, direction, gain)

    def _go_on(self, frame: int, direction: int, gain: float) -> None:
        """Tracks from a frame where `gain` was found in one direction, and keeps as much of it as pays most.

        Where it comes to a pose that was there before, it ends; what it has gained lets it through a few frames that it makes worse.
        """
        turns, shifts = self.track.turn[[frame]], self.track.shift[[frame]]
        found: list[Found] = []
        gained = [gain]
        while len(gained) - 1 - gained.index(max(gained)) <= PATIENCE and gained[-1] > 0:
            frame += direction
            if not (0 <= frame < len(self.free) and self.free[frame]):
                break
            turn, shift, known, cost = self._solved(frame, *self._guess(frame, turns, shifts))
            if self._is_there(frame, turn, shift):
                break
            found.append((frame, turn, shift, known, cost))
            turns, shifts = torch.cat([turns, turn]), torch.cat([shifts, shift])
            gained.append(gained[-1] + float(self.cost[frame]) - cost)
        for one in found[: gained.index(max(gained))]:
            self._put(*one)

    def _guess(self, frame: int, turns: Tensor, shifts: Tensor) -> tuple[Tensor, Tensor]:
        """Where momentum carries the last of the poses (n, K, 3), or that pose itself."""
        guesses = [torch.cat([extrapolated(one, self.step.settings.momentum), one[-1:]]) for one in (turns, shifts)]
        best = [int(self.step.judge(frame, *guesses)[0].argmin())]
        return guesses[0][best], guesses[1][best]

    def _solved(self, frame: int, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, float, float]:
        """Turn, shift, known-view loss and cost."""
        turn, shift, known = self.step.solve(frame, turn, shift, self.report)
        return turn, shift, known, float(self.step.judge(frame, turn, shift)[0])

    def _is_there(self, frame: int, turn: Tensor, shift: Tensor) -> bool:
        """Whether a pose is the one that the frame has."""
        both = torch.cat([turn, self.track.turn[[frame]]]), torch.cat([shift, self.track.shift[[frame]]])
        means = self.step.animated.perform(self.step.skeleton.pose(*both)).means
        return float((means[0] - means[1]).square().sum(-1).mean().sqrt()) < SAME

    def _put(self, frame: int, turn: Tensor, shift: Tensor, known: float, cost: float) -> None:
        turns, shifts, losses = (one.clone() for one in (self.track.turn, self.track.shift, self.track.loss))
        turns[frame], shifts[frame], losses[frame] = turn[0], shift[0], known
        self.track = replace(self.track, turn=turns, shift=shifts, loss=losses)
        self.cost[frame], self.known[frame] = cost, known
        self.changed.add(frame)
