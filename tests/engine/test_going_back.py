"""Past a fork on the other side: a track whose frames get worse goes back, and on again with less of its motion."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from align4d.alignment.going_back import BACK, MOMENTUM, GoingBack
from align4d.alignment.track import Track
from align4d.alignment.tracking_settings import TrackingSettings
from align4d.job.reporting import RecordingReporter

WENT, OTHER = 1.0, -1.0
"""Where a body of one number is on the way that was gone, and on the other one."""


class Fork:
    """In the place of `FrameStep`: from one frame on, what is solved anew comes out on the other way; each way costs what its table says."""

    settings = TrackingSettings()

    def __init__(self, went: list[float], other: list[float]) -> None:
        self.tables = {WENT: went, OTHER: other}
        self.solved: list[int] = []
        self.guesses: list[float] = []

    def judge(self, frame: int, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        cost = torch.tensor([self.tables[WENT if float(turn[0, 0, 0]) > 0 else OTHER][frame]])
        return cost, cost

    def solve(self, frame: int, turn: Tensor, shift: Tensor, report: object) -> tuple[Tensor, Tensor, float]:
        self.solved.append(frame)
        self.guesses.append(float(turn[0, 0, 0]))
        found = torch.full_like(turn, OTHER)
        return found, shift, float(self.judge(frame, found, shift)[0])


def gone(fork: Fork, frame: int, first: int = 0, known: int = 0) -> list[float]:
    """Where a track that has gone as far as `frame`, from the known pose of `known` on, is after looking back."""
    frames = range(min(first, frame), max(known, frame) + 1)
    loss = torch.tensor([0.0 if one == known else fork.tables[WENT][one] for one in frames])
    turn = torch.full((len(frames), 1, 3), WENT)
    step: Any = fork
    track = Track(turn, torch.zeros_like(turn), loss, frames[0])
    again = GoingBack(step, RecordingReporter()).gone_again(track, frame)
    assert again.first == track.first
    return again.turn[:, 0, 0].tolist()


ROSE = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2]


def test_frames_before_the_rise_go_the_better_way() -> None:
    fork = Fork(ROSE, [0.1] * 7)
    assert gone(fork, 6) == [WENT] * (7 - BACK) + [OTHER] * BACK


def test_going_back_before_the_known_frame() -> None:
    """Tracking goes on from the known frame to the clip's beginning too; the frames are in the clip's order all the same."""
    fork = Fork(ROSE[::-1], [0.1] * 7)
    assert gone(fork, 0, known=6) == [OTHER] * BACK + [WENT] * (7 - BACK)
    assert fork.solved == [3, 2, 1, 0]


def test_the_known_pose_stays() -> None:
    fork = Fork([0.1, 0.1, 0.2], [0.05] * 3)
    assert gone(fork, 2) == [WENT, OTHER, OTHER]


def test_a_way_that_costs_no_less_is_not_taken() -> None:
    assert gone(Fork(ROSE, ROSE), 6) == [WENT] * 7


def test_a_way_that_goes_astray_is_left_at_once() -> None:
    fork = Fork(ROSE, [0.3] * 6 + [0.0])
    assert gone(fork, 6) == [WENT] * 7
    assert fork.solved == [3]


def test_frames_that_are_shown_well_are_not_solved_again() -> None:
    """Nor is one that is shown as badly as those before it: there is nothing to go back for."""
    for losses in ([0.01] * 6 + [0.05], [0.2] * 6 + [0.22], [0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.2]):
        fork = Fork(losses, [0.0] * 7)
        assert gone(fork, 6) == [WENT] * 7
        assert not fork.solved


def test_the_other_way_starts_with_less_of_the_motion() -> None:
    fork = Fork(ROSE, [0.1] * 7)
    step: Any = fork
    turn = torch.arange(1.0, 8.0)[:, None, None].expand(-1, 1, 3)
    track = Track(turn, torch.zeros_like(turn), torch.tensor(ROSE), 0)
    GoingBack(step, RecordingReporter()).gone_again(track, 6)
    assert fork.guesses[0] == 3 + MOMENTUM
