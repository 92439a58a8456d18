"""Which of two ways a limb has gone: the second look weighs all the frames in which the ways are apart, on a body of one number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from align4d.alignment import second_look
from align4d.alignment.track import Track
from align4d.alignment.tracking_settings import TrackingSettings
from align4d.job.reporting import RecordingReporter

RIGHT, WRONG = 0.0, 1.0
"""The two poses that show a frame about as well."""


class TwoWays:
    """In the place of `FrameStep`: a frame is solved to the nearer of two poses, and costs what the table says of it."""

    settings, steps = TrackingSettings(momentum=0.0), SimpleNamespace(recordable=False)
    skeleton = SimpleNamespace(pose=lambda turn, shift: turn)
    animated = SimpleNamespace(perform=lambda turn: SimpleNamespace(means=turn))

    def __init__(self, right: list[float], wrong: list[float]) -> None:
        self.right, self.wrong = right, wrong

    def judge(self, frame: int, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        place = turn[:, 0, 0]
        costs = (one[frame] + 5 * (place - pose) ** 2 for one, pose in ((self.right, RIGHT), (self.wrong, WRONG)))
        cost = torch.minimum(*costs)
        return cost, cost

    def solve(self, frame: int, turn: Tensor, shift: Tensor, *rest: Any) -> tuple[Tensor, Tensor, float]:
        found = torch.zeros_like(turn)
        found[:, 0, 0] = (turn[:, 0, 0] > (RIGHT + WRONG) / 2).float()
        return found, shift, float(self.judge(frame, found, shift)[0])

    def followed(self, frame: int, turn: Tensor, shift: Tensor, cost: float, report: object) -> tuple[Tensor, Tensor, float, float] | None:
        solved = [self.solve(frame, *guess) for guess in zip(turn.split(1), shift.split(1), strict=True)]
        best = min(solved, key=lambda pose: pose[2])
        return (*best, best[2]) if best[2] < self.settings.clearly * cost else None


def again(monkeypatch: pytest.MonkeyPatch, ways: TwoWays, places: list[float]) -> list[float]:
    """Where a second look leaves a track of these places; the first frame's pose is known."""
    monkeypatch.setattr(second_look, "FrameStep", lambda *_: ways)
    turn = torch.zeros(len(places), 1, 3)
    turn[:, 0, 0] = torch.tensor(places)
    loss = torch.ones(len(places))
    loss[0] = 0
    nothing: Any = None
    track = Track(turn, torch.zeros_like(turn), loss)
    return second_look.look_again(nothing, nothing, nothing, track, turn[:1], ways.settings, RecordingReporter()).turn[:, 0, 0].tolist()


LOST = [RIGHT, RIGHT, RIGHT, RIGHT, WRONG, WRONG, WRONG, WRONG, WRONG]


def test_the_way_back_is_gone_to_where_the_ways_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one leg passes the other both are shown about as well, the wrong way a little better; after it only one is right."""
    ways = TwoWays([0.1] * 4 + [0.12] * 2 + [0.1] * 3, [0.5] * 3 + [0.1] * 3 + [0.3] * 3)
    assert again(monkeypatch, ways, LOST) == [RIGHT] * 9


def test_a_way_that_costs_more_than_it_gains_is_gone_as_far_as_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways part where the other one is far better."""
    ways = TwoWays([0.1] * 4 + [0.9] * 2 + [0.1] * 3, [0.5] * 3 + [0.1] * 3 + [0.3] * 3)
    assert again(monkeypatch, ways, LOST) == [*LOST[:6], RIGHT, RIGHT, RIGHT]


def test_the_known_pose_is_a_guess_though_the_mesh_shows_its_frame_badly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mesh that is not quite what was filmed, and a limb astray that makes up for it."""
    ways = TwoWays([0.4] * 3 + [0.1] * 4, [0.5] * 3 + [0.3] * 4)
    assert again(monkeypatch, ways, [RIGHT] + [WRONG] * 6)[1:] == [RIGHT] * 6


def test_a_neighbor_that_fits_better_is_a_guess_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """One frame alone is astray, and the frames far from it are too."""
    right, wrong = [0.1] * 9, [0.5, 0.5, 0.5, 0.3, 0.5, 0.5, 0.05, 0.05, 0.05]
    places = [RIGHT] * 3 + [WRONG] + [RIGHT] * 2 + [WRONG] * 3
    assert again(monkeypatch, TwoWays(right, wrong), places)[3] == RIGHT


def test_a_long_clip_takes_no_longer_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a pose that came long ago is still a guess."""
    spent = []
    for frames in (200, 800):
        ways, judged = TwoWays([0.1] * frames, [0.5] * frames), [0]
        judge = ways.judge
        monkeypatch.setattr(
            ways, "judge", lambda frame, turn, shift, judge=judge, judged=judged: (_add(judged, len(turn)), judge(frame, turn, shift))[1]
        )
        half = frames // 2
        found = again(monkeypatch, ways, [RIGHT] * half + [WRONG] * half)
        assert found == [RIGHT] * frames
        spent.append(judged[0] / frames)
    assert spent[1] < 1.2 * spent[0]


def _add(judged: list[int], count: int) -> None:
    judged[0] += count
