"""Who is optimized when (asynchronous optimization), and by what steps (LeveredAdam)."""

from __future__ import annotations

import pytest
import torch

from align4d.alignment.asynchronous import AsynchronousSchedule
from align4d.alignment.optimizer import LeveredAdam


def test_the_halves_take_turns() -> None:
    assert [AsynchronousSchedule().phases(i) for i in range(4)] == [("deformation",), ("appearance",)] * 2
    schedule = AsynchronousSchedule(period=3, first="appearance")
    assert [schedule.phases(i) for i in range(9)] == [("appearance",)] * 3 + [("deformation",)] * 3 + [("appearance",)] * 3


def test_joint_optimization_is_both_always() -> None:
    assert all(set(AsynchronousSchedule(joint=True, period=2).phases(i)) == {"deformation", "appearance"} for i in range(5))


def minimize(scale: torch.Tensor, target: torch.Tensor, floor: float, steps: int = 400) -> torch.Tensor:
    """What is left to the minimum of sum(scale (x - target)^2) from zero."""
    x = torch.zeros_like(target, requires_grad=True)
    optimizer = LeveredAdam([x], floor)
    for step in range(steps):
        (scale * (x - target) ** 2).sum().backward()
        optimizer.step(0.2 * (1 - step / steps))
    return (x.detach() - target).abs()


def test_it_converges_on_a_badly_scaled_quadratic() -> None:
    """Curvatures of 1 to 10 000."""
    scale, target = torch.tensor([1.0, 10.0, 100.0, 10_000.0]), torch.tensor([0.5, -1.0, 0.7, -0.3])
    assert minimize(scale, target, 0.01).max() < 0.02


def test_what_has_no_gradient_does_not_move() -> None:
    still, moving = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    optimizer = LeveredAdam([still, moving], 0.3)
    for _ in range(20):
        (0 * still.sum() + (moving**2).sum()).backward()
        optimizer.step(0.01)
    assert torch.equal(still.detach(), torch.ones(3)) and moving.detach().max() < 0.99


def test_what_is_mere_noise_is_held_back_by_the_floor() -> None:
    """Beside a parameter with a real gradient, one whose gradient is a thousand times smaller moves far less."""
    moved = {}
    for floor in (0.0, 0.5):
        strong, weak = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
        optimizer = LeveredAdam([strong, weak], floor)
        for _ in range(10):
            (strong.sum() + 1e-3 * weak.sum()).backward()
            optimizer.step(0.01)
        moved[floor] = float((weak / strong).detach())
    assert moved[0.0] == pytest.approx(1, rel=0.01)  # plain Adam: noise moves like anything else
    assert moved[0.5] < 0.02


@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_rate_is_the_norm_of_a_step_however_many_parameters(size: int) -> None:
    x = torch.zeros(size, requires_grad=True)
    optimizer = LeveredAdam([x], 0.3)
    (3.0 * x.sum()).backward()
    optimizer.step(0.05)
    assert float(x.detach().norm()) == pytest.approx(0.05, rel=1e-4)
    assert x.grad is None  # consumed


def test_it_does_not_depend_on_the_scale_of_the_loss() -> None:
    ends = []
    for factor in (1e-4, 1.0, 1e4):
        x = torch.tensor([1.0, -2.0], requires_grad=True)
        optimizer = LeveredAdam([x], 0.3)
        for _ in range(10):
            (factor * (x**2).sum()).backward()
            optimizer.step(0.02)
        ends.append(x.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-4, atol=0)
    torch.testing.assert_close(ends[2], ends[1], rtol=1e-4, atol=0)
