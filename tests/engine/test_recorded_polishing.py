"""Steps that a GPU can replay: the same as those that ask the device after each."""

from __future__ import annotations

import pytest
import torch
from test_tracking import STILL, TRACKING, Show, seen
from test_tracking import show as show  # the fixture
from torch import Tensor

from align4d.alignment.frame_step import FrameStep
from align4d.alignment.polishing import polish
from align4d.alignment.recorded_polishing import RecordedPolishing


class Bowl:
    """A curved valley, Rosenbrock's, with Gauss and Newton's matrix."""

    def __init__(self, parameters: Tensor) -> None:
        self.parameters = parameters
        x, y = parameters.double().tolist()
        self.residuals = torch.tensor([1 - x, 10 * (y - x * x)], dtype=torch.float64)
        self.jacobian = torch.tensor([[-1.0, 0.0], [-20 * x, 10.0]], dtype=torch.float64)
        self.cost = float(self.residuals @ self.residuals)

    @property
    def gradient(self) -> Tensor:
        return (2 * self.jacobian.T @ self.residuals).float()

    def curvature(self) -> Tensor:
        return (2 * self.jacobian.T @ self.jacobian).float()


def looked_at(parameters: Tensor, is_first: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    bowl = Bowl(parameters)
    return torch.tensor([bowl.cost]), parameters[:1], bowl.gradient, bowl.curvature()


@pytest.mark.parametrize("pictures", [1, 2, 9, 14])
def test_the_steps_are_those_of_polishing(pictures: int) -> None:
    start = torch.tensor([-0.2, 0.5])
    recorded = RecordedPolishing(looked_at, 2, start, "cpu")
    for _ in range(2):  # the second run begins anew
        found = recorded.run(start, pictures, lambda: None)
    other = polish(Bowl, start, pictures, lambda: None)
    torch.testing.assert_close(found, other.parameters, rtol=1e-4, atol=1e-5)
    assert float(recorded.cost) == pytest.approx(other.cost, rel=1e-3, abs=1e-6) and float(recorded.known) == float(found[0])


def test_a_pose_is_polished_as_by_the_other_steps(show: Show) -> None:
    step = FrameStep(show.animated, show.skeleton, seen(show.video([0.0, 14.0])), STILL, TRACKING)
    guess = show.bent([11.0]).turn
    before = float(step.judge(1, guess, STILL)[0])
    start = torch.cat([guess / step.turn_lever, STILL], -1).flatten()
    recorded = RecordedPolishing(step.looked_at, len(start), start, "cpu")
    found = recorded.run(start, TRACKING.polishing, lambda: None)
    other = polish(step.point, start, TRACKING.polishing, lambda: None)
    assert float(recorded.cost) < 1.02 * other.cost < 0.5 * before
    torch.testing.assert_close(found, other.parameters, rtol=0, atol=3e-3)
