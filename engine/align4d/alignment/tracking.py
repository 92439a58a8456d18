"""From frame to frame: the pose of the skeleton that makes each frame of the video, starting from the one before."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..job.reporting import Reporter
from ..motion.skeleton import Skeleton
from .animated_asset import AnimatedAsset
from .frame_step import NEARBY, WHOLE, Effort, FrameStep
from .going_back import GoingBack
from .pose_search import PoseSearch, PoseSearchSettings
from .track import Track
from .tracking_settings import TrackingSettings
from .view import View, seen_by_any


def track(
    animated: AnimatedAsset,
    skeleton: Skeleton,
    views: tuple[View, ...],
    start: Track,
    known: tuple[Tensor, Tensor],
    settings: TrackingSettings,
    search: PoseSearchSettings,
    report: Reporter,
    save: Callable[[Track, int], None] | None = None,
    step: FrameStep | None = None,
) -> Track:
    """Tracks all frames: from those of `start` to the clip's end, then back to its beginning.

    Args:
        views: the clip; with it further ones of the same motion, with as many frames.
        start: the frame whose pose is known, or all that are done already.
        known: turn and shift (1, K, 3) of that pose; its turns cost nothing.
        search: how a frame's first guess is drawn to its outline.
        save: called after each frame with all frames so far, and with that frame.
        step: made of the same, where there is one already.
    """
    step = step or FrameStep(animated, skeleton, views, known[0], settings)
    finder = PoseSearch(animated, skeleton, views, search, settings.joint_radius)
    following, going_back = _Following(step, finder, known, report), GoingBack(step, report)
    done, seen = start, seen_by_any(views)
    total = len(seen)
    for frame in (*range(start.end, total), *range(start.first - 1, -1, -1)):
        past = done if frame == done.end else done.backwards()
        pose = following.next(past, frame) if seen[frame] else (past.turn[-1:], past.shift[-1:], 0.0)
        done = going_back.gone_again(done.with_frame(frame, *pose), frame)
        report.progress(len(done.turn), total, pose[2])
        if save:
            save(done, frame)
    return done


Pose = tuple[Tensor, Tensor, float]
"""Turn (1, K, 3), shift (1, K, 3), and the known-view loss."""


class _Following:
    """Goes from frame to frame. `past` is always in the order of going: its last frame is the neighbor of the next.

    Args:
        known: turn and shift (1, K, 3) of the pose that tracking began with.
    """

    def __init__(self, step: FrameStep, finder: PoseSearch, known: tuple[Tensor, Tensor], report: Reporter) -> None:
        self.step, self.finder, self.known, self.report, self.settings = step, finder, known, report, step.settings

    def next(self, past: Track, frame: int) -> Pose:
        """The pose of `frame`; looked for far and wide where the object has just come back, or as long as it is lost.

        What is found so knows nothing of the depth that tracking has gathered, so it has to show the frame clearly better.
        """
        pose, before = self._near(past, frame), float(past.loss[-1])
        if before > 0 and pose[2] > max(self.settings.doubted * before, self.settings.usual):
            pose = self._from_other_guesses(pose, past, frame)
        came_back = len(past.loss) > 1 and before == 0
        if not came_back and (before == 0 or not self._is_lost(pose[2], past) or not self._is_due(past)):
            return pose
        other = self._far(past, frame)
        return other if other[2] < self.settings.found * pose[2] else pose

    def _is_lost(self, loss: float, past: Track) -> bool:
        """Whether a known-view loss is too high after those of `past`: a frame that is lost itself is no measure for the next."""
        reached = past.loss[past.loss > 0]
        level = min(float(past.loss[-1]), float(reached.quantile(0.25))) if len(reached) else 0.0
        return loss > self.settings.lost * max(level, self.settings.usual)

    def _is_due(self, past: Track) -> bool:
        """Whether to search far and wide again after frames in which that did not help: it hardly does in the next one, so waits double."""
        lost = 0
        while lost + 1 < len(past.loss) and self._is_lost(float(past.loss[-1 - lost]), past.without_last(lost + 1)):
            lost += 1
        return (lost + 2).bit_count() == 1

    def _near(self, past: Track, frame: int) -> Pose:
        """From where momentum carries the neighbor's pose.

        Where that misses the object, the guess is drawn to its outline, which finds what moved farther than its own width. It knows
        nothing of depth, so it is taken only where it makes the frame clearly better.
        """
        turn, shift = past.carried(self.settings.momentum)
        cost, known = self.step.judge(frame, turn, shift)
        if self._is_lost(float(known), past):
            drawn_turn, drawn_shift = self._drawn(past, frame)
            cost = torch.cat([cost, self.step.judge(frame, drawn_turn, drawn_shift)[0] / self.settings.drawn_share])
            turn, shift = torch.cat([turn, drawn_turn]), torch.cat([shift, drawn_shift])
        nearby = len(turn) == 1 and float(known) < self.settings.near * float(past.loss[-1])
        return self._solved(frame, turn, shift, cost, NEARBY if nearby else WHOLE)

    def _drawn(self, past: Track, frame: int) -> tuple[Tensor, Tensor]:
        """Turns and shifts (2, K, 3): where momentum carries the neighbor's pose, and that pose itself, drawn to the frame's outline."""
        turn, shift = past.carried(self.settings.momentum)
        turns, shifts = torch.cat([turn, past.turn[-1:]]), torch.cat([shift, past.shift[-1:]])
        return self.finder.draw(frame, turns, shifts, past.turn[-1:], self.finder.settings.near)[:2]

    def _from_other_guesses(self, pose: Pose, past: Track, frame: int) -> Pose:
        """The best of `pose` and those from other guesses: momentum may have carried a limb into the place of another one."""
        turns, shifts = self._drawn(past, frame)
        others = torch.cat([past.turn[-1:], turns]), torch.cat([past.shift[-1:], shifts])
        other = self.step.followed(frame, *others, self._cost(frame, pose), self.report)
        return pose if other is None else other[:3]

    def _cost(self, frame: int, pose: Pose) -> float:
        return float(self.step.judge(frame, *pose[:2])[0])

    def _far(self, past: Track, frame: int) -> Pose:
        """From many poses around the neighbor's, and around the one that tracking began with: what comes back often stands as before."""
        return min((self._around(*pose, frame) for pose in ((past.turn[-1:], past.shift[-1:]), self.known)), key=lambda found: found[2])

    def _around(self, turn: Tensor, shift: Tensor, frame: int) -> Pose:
        starts = self.finder.around(turn, shift, frame, frame)
        turns, shifts, cost = self.finder.draw(frame, *starts, turn, self.finder.settings.iterations)
        best = cost.argsort()[: self.finder.settings.kept]
        return self._solved(frame, turns[best], shifts[best], self.step.judge(frame, turns[best], shifts[best])[0])

    def _solved(self, frame: int, turn: Tensor, shift: Tensor, cost: Tensor, effort: Effort = WHOLE) -> Pose:
        best = int(cost.argmin())
        return self.step.solve(frame, turn[best : best + 1], shift[best : best + 1], self.report, effort)
