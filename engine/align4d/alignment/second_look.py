"""A second look at a finished track: bodies come back to poses that they had.

Tracking knows the frames before. Where a limb went astray it stays so, though the body may stand at the clip's end as it did at its
beginning. So frames are solved from poses of other frames, and what is found goes on to their neighbors.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..job.reporting import Reporter
from ..motion.skeleton import Skeleton
from .animated_asset import AnimatedAsset
from .frame_step import FrameStep
from .frames_together import FramesTogether
from .track import Track, extrapolated
from .tracking_settings import TrackingSettings
from .view import View

Found = tuple[int, Tensor, Tensor, float, float]
"""A frame, turn and shift (1, K, 3), the known-view loss, and all that is made small."""

EVERY = 6
"""So many frames apart, from both ends, poses of other frames are tried."""
NEAR = 2
"""Frames that are no farther from each other have been each other's guess already."""
MOST = 96
"""Of so many other frames at most the poses are looked at, so that a long clip takes no longer a frame: half of them the nearest, half evenly."""
FITS = 0.9
"""A neighbor's pose fits better as it is where it costs less than this share of the frame's own."""
PATIENCE = 8
"""After so many frames that what goes on makes no better it goes no farther."""
TOGETHER = 0.3
"""Two ways that a limb may have gone have come together where poses differ by less than this share of the most that they did."""


def look_again(
    animated: AnimatedAsset,
    skeleton: Skeleton,
    views: tuple[View, ...],
    track: Track,
    neutral: Tensor,
    settings: TrackingSettings,
    report: Reporter,
    step: FrameStep | None = None,
) -> Track:
    """The track with what is found from other frames' poses, where that makes all that is made small clearly smaller.

    Args:
        track: of all frames, by `tracking.track` and the same views. The pose that it began with stays, and those of frames it skipped.
        neutral: (1, K, 3) turns that cost nothing.
        step: as of `tracking.track`.
    """
    look = _SecondLook(step or FrameStep(animated, skeleton, views, neutral, settings), track, report)
    for frame in look.places():
        look.try_others(frame)
    return look.track


class _SecondLook:
    """The track at hand, and what each of its frames costs."""

    def __init__(self, step: FrameStep, track: Track, report: Reporter) -> None:
        self.step, self.track, self.report = step, track, report
        self.free = (track.loss > 0).tolist()
        self.together = FramesTogether(step) if step.steps.recordable else None
        every = list(range(len(self.free)))
        self.cost, self.known = self._judge(every, every)
        self.changed: set[int] = set()

    def places(self) -> list[int]:
        """Frames at which to look, the last first: some of all, and those whose neighbor's pose fits better as it is."""
        last = len(self.free) - 1
        some = [frame for frame in range(last, -1, -1) if self.free[frame] and (last - frame) % EVERY == 0]
        others = [frame for frame in range(last, -1, -1) if self.free[frame] and frame not in some]
        return sorted([*some, *self._worse_fitting(others)], reverse=True)

    def _worse_fitting(self, frames: list[int]) -> list[int]:
        if self.together is None:
            return [frame for frame in frames if self._fits_worse(frame)]
        pairs = [(frame, other) for frame in frames for other in self._beside(frame)]
        costs = self._judge([frame for frame, _ in pairs], [other for _, other in pairs])[0].tolist() if pairs else []
        return list({frame for (frame, _), cost in zip(pairs, costs, strict=True) if cost < FITS * float(self.cost[frame])})

    def _judge(self, frames: list[int], others: list[int]) -> tuple[Tensor, Tensor]:
        """(B,) what each of the frames costs in the pose of the other one, and the known-view loss in it."""
        turns, shifts = self.track.turn[others], self.track.shift[others]
        if self.together:
            return self.together.judge(frames, turns, shifts)
        judged = [self.step.judge(frame, turns[[at]], shifts[[at]]) for at, frame in enumerate(frames)]
        total, known = (torch.cat(one).cpu() for one in zip(*judged, strict=True))
        return total, known

    def _fits_worse(self, frame: int) -> bool:
        return bool((self._judged(frame, self._beside(frame)) < FITS * self.cost[frame]).any())

    def _judged(self, frame: int, others: list[int]) -> Tensor:
        """(B,) what a frame costs in the poses of others."""
        return self.step.judge(frame, self.track.turn[others], self.track.shift[others])[0].cpu()

    def try_others(self, frame: int) -> None:
        """Solves a frame from the pose of the other frame that suits it best, and from its neighbor's where that fits better as it is."""
        if frame in self.changed:
            return
        guesses = self._others(frame)
        found = self.step.followed(frame, self.track.turn[guesses], self.track.shift[guesses], float(self.cost[frame]), self.report)
        if found is None:
            return
        gain, apart = float(self.cost[frame]) - found[3], self._apart(frame, *found[:2])
        self._put(frame, *found)
        for direction in (-1, 1):
            self._go_on(frame, direction, gain, apart)

    def _others(self, frame: int) -> list[int]:
        """Frames whose poses are guesses, however well explained: a mesh unlike what was filmed fits best where a limb went astray."""
        far = _some([other for other in range(len(self.free)) if abs(other - frame) > NEAR], frame)
        others = [self._suiting(frame, far)] if far else []
        return others if others and not self._fits_worse(frame) else [*others, self._suiting(frame, self._beside(frame))]

    def _suiting(self, frame: int, others: list[int]) -> int:
        """The one whose pose suits a frame best."""
        return others[int(self._judged(frame, others).argmin())]

    def _beside(self, frame: int) -> list[int]:
        return [other for other in (frame - 1, frame + 1) if 0 <= other < len(self.free)]

    def _go_on(self, frame: int, direction: int, gain: float, apart: float) -> None:
        """Tracks from a frame where `gain` was found in one direction, and keeps as much of it as pays most.

        What it has gained lets it through a few frames that it makes worse. Where it comes together with the poses that were there, all of
        it is kept: somewhere between, a limb would have to jump from one way to the other.

        Args:
            apart: by how much the frame's pose has changed.
        """
        turns, shifts = self.track.turn[[frame]], self.track.shift[[frame]]
        found: list[Found] = []
        gained, most, together = [gain], apart, False
        while not together and len(gained) - 1 - gained.index(max(gained)) <= PATIENCE and gained[-1] > 0:
            frame += direction
            if not (0 <= frame < len(self.free) and self.free[frame]):
                break
            turn, shift, known, cost = self._solved(frame, *self._guess(frame, turns, shifts))
            apart = self._apart(frame, turn, shift)
            most, together = max(most, apart), apart < TOGETHER * most
            if not together:
                found.append((frame, turn, shift, known, cost))
                turns, shifts = torch.cat([turns, turn]), torch.cat([shifts, shift])
                gained.append(gained[-1] + float(self.cost[frame]) - cost)
        for one in found if together else found[: gained.index(max(gained))]:
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

    def _apart(self, frame: int, turn: Tensor, shift: Tensor) -> float:
        """Root mean square distance, over the surface, of a pose from the one that the frame has [longest sides]."""
        both = torch.cat([turn, self.track.turn[[frame]]]), torch.cat([shift, self.track.shift[[frame]]])
        means = self.step.animated.perform(self.step.skeleton.pose(*both)).means
        return float((means[0] - means[1]).square().sum(-1).mean().sqrt())

    def _put(self, frame: int, turn: Tensor, shift: Tensor, known: float, cost: float) -> None:
        turns, shifts, losses = (one.clone() for one in (self.track.turn, self.track.shift, self.track.loss))
        turns[frame], shifts[frame], losses[frame] = turn[0], shift[0], known
        self.track = replace(self.track, turn=turns, shift=shifts, loss=losses)
        self.cost[frame], self.known[frame] = cost, known
        self.changed.add(frame)


def _some(others: list[int], frame: int) -> list[int]:
    """At most `MOST` of other frames: those nearest to `frame`, and evenly of the rest."""
    if len(others) <= MOST:
        return others
    near = sorted(others, key=lambda other: abs(other - frame))
    rest, half = sorted(near[MOST // 2 :]), MOST // 2
    return sorted([*near[:half], *(rest[number * len(rest) // half] for number in range(half))])
