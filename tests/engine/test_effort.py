"""What is spent on a frame's pose: little on a guess that shows it already, and on one that leads nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_tracking import SIZE, STILL, TRACKING, Show, seen
from test_tracking import show as show  # the fixture

from align4d.alignment import frame_step
from align4d.alignment.frame_step import NEARBY, FramePoint, FrameStep
from align4d.alignment.held import Held
from align4d.alignment.reference import Backdrop, Reference
from align4d.job.reporting import RecordingReporter


@pytest.fixture(scope="module")
def video(show: Show) -> Reference:
    return show.video([0.0, 14.0])


class Spent:
    """Counts looks down the gradient, and pictures for steps that know how the cost curves."""

    def __init__(self, step: FrameStep, monkeypatch: pytest.MonkeyPatch) -> None:
        self.descents, self.pictures = 0, 0
        assert step.coarse is not None
        point = step.point

        def counted(descend: Callable[[None], None]) -> Callable[[None], None]:
            def counting(kind: None) -> None:
                self.descents += 1
                descend(kind)

            return counting

        def looked(joints: torch.Tensor) -> FramePoint:
            self.pictures += 1
            return point(joints)

        for steps in (step.steps, step.coarse.steps):
            monkeypatch.setattr(steps, "step", counted(steps.step))
        monkeypatch.setattr(step, "point", looked)


@pytest.fixture
def step(show: Show, video: Reference, monkeypatch: pytest.MonkeyPatch) -> FrameStep:
    """With pictures for trials, though its own are small."""
    monkeypatch.setattr(frame_step, "LEAST_SIDE", SIZE // frame_step.COARSER)
    return FrameStep(show.animated, show.skeleton, seen(video), STILL, TRACKING)


def wing(show: Show, degrees: float) -> torch.Tensor:
    """Turns with the wing at an angle."""
    return show.bent([degrees]).turn


def test_a_guess_that_shows_the_frame_is_polished_and_not_led_away_first(show: Show, step: FrameStep, monkeypatch: pytest.MonkeyPatch) -> None:
    spent, guess = Spent(step, monkeypatch), wing(show, 13.0)
    turn, shift, _ = step.solve(1, guess, STILL, RecordingReporter(), NEARBY)
    assert spent.descents == 0 and 2 <= spent.pictures <= TRACKING.polishing
    assert step.judge(1, turn, shift)[0] < step.judge(1, guess, STILL)[0]


def test_a_guess_that_leads_nowhere_better_is_given_up_early(show: Show, step: FrameStep, monkeypatch: pytest.MonkeyPatch) -> None:
    turn, shift, _ = step.solve(1, STILL, STILL, RecordingReporter())
    best, spent = float(step.judge(1, turn, shift)[0]), Spent(step, monkeypatch)
    assert step.followed(1, wing(show, -60.0), STILL, best / 2, RecordingReporter()) is None
    assert spent.descents < TRACKING.iterations / 2 and spent.pictures < TRACKING.polishing / 2


def test_the_best_of_other_guesses_is_followed_where_it_is_clearly_better(show: Show, step: FrameStep) -> None:
    lost = float(step.judge(1, wing(show, -60.0), STILL)[0])
    guesses = torch.cat([wing(show, -60.0), wing(show, 5.0)])
    found = step.followed(1, guesses, STILL.expand(2, -1, -1), lost, RecordingReporter())
    assert found is not None
    assert float(step.judge(1, *found[:2])[0]) < TRACKING.clearly * lost


def test_fewer_gaussians_show_the_same_surface(show: Show, video: Reference) -> None:
    """In pictures half as large: one of two Gaussians, each so much wider."""
    view = seen(video)[0].coarser(2)
    still = show.skeleton.pose(STILL, STILL)
    covered = []
    for asset in (show.animated, show.animated.thinned(2)):
        picture = asset.render(asset.perform(still), view.only(0).cameras(), view.size)
        covered.append(picture.alpha)
    assert show.animated.thinned(2).bound.count == show.animated.bound.count // 2
    assert (covered[0] - covered[1]).abs().sum() < 0.05 * covered[0].sum()


def test_a_coarser_view_is_the_same_view(show: Show, video: Reference) -> None:
    behind = Backdrop(video.color, torch.ones_like(video.color))
    coarse = replace(video, backdrop=behind).coarser(2)
    assert coarse.size == tuple(side // 2 for side in video.size) and coarse.backdrop is not None
    assert torch.allclose(coarse.alpha.mean(), video.alpha.mean()) and torch.equal(coarse.backdrop.shown, coarse.color)
    point = np.array([0.1, 0.2, 1.5])
    there, here = (one.intrinsics @ point for one in (video, coarse))
    assert np.allclose(there[:2] / there[2], 2 * here[:2] / here[2])


def test_what_is_held_is_held_by_fewer_gaussians() -> None:
    held = Held(torch.tensor([[0.25, 0.0]] * 4), torch.arange(12.0).view(4, 3))
    fewer = held.part(torch.tensor([0, 2]))
    assert fewer.weight[:, 0].sum() == 1 and torch.equal(fewer.place, held.place[[0, 2]])
    assert torch.allclose(fewer.moved((fewer.place + 1)[None]), held.moved((held.place + 1)[None]))
