"""A body keeps its lengths."""

from __future__ import annotations

import torch

from align4d.alignment.isometry import Isometry
from align4d.motion.rotations import matrix_from_quaternion
from align4d.rendering import Gaussians


def box(count: int = 3000) -> Gaussians:
    """Gaussians in a flat box."""
    means = torch.rand(count, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.4, 0.2])
    quats = torch.tensor([1.0, 0, 0, 0]).expand(count, 4)
    return Gaussians(means, quats, torch.full((count, 3), 0.01), torch.full((count,), 0.9), torch.full((count, 3), 0.5))


def test_turning_and_moving_costs_nothing() -> None:
    kept = Isometry(box())
    turns = matrix_from_quaternion(torch.nn.functional.normalize(torch.tensor([[1.0, 0.3, -0.2, 0.5], [0.2, 1.0, 0.4, 0.0]]), dim=-1))
    moved = kept.places @ turns.mT + torch.tensor([[[0.3, 0.1, -2.0]], [[0.0, 5.0, 0.0]]])
    assert kept.cost(moved) < 1e-8


def test_a_tenth_longer_costs_the_square_of_a_tenth() -> None:
    kept = Isometry(box())
    torch.testing.assert_close(kept.cost(1.1 * kept.places[None]), torch.tensor(0.01), rtol=1e-3, atol=0)


def test_its_gradient_unfolds_a_body_that_was_flattened() -> None:
    kept = Isometry(box())
    flat = (kept.places * torch.tensor([1.0, 1.0, 0.3]))[None].requires_grad_()
    kept.cost(flat).backward()
    assert flat.grad is not None
    # downhill is away from the middle, where flattening had brought it
    outwards = (kept.places[:, 2] - kept.places[:, 2].mean()).sign()
    pulled = (-flat.grad[0, :, 2] * outwards).sum() / flat.grad[0, :, 2].abs().sum()
    assert pulled > 0.5


def test_places_that_fall_together_have_a_gradient() -> None:
    kept = Isometry(box())
    together = torch.zeros_like(kept.places)[None].requires_grad_()
    kept.cost(together).backward()
    assert together.grad is not None and torch.isfinite(together.grad).all()


def test_places_are_spread_over_what_is_seen() -> None:
    body = box()
    body.opacities[body.means[:, 0] > 0.5] = 0.1
    kept = Isometry(body)
    assert kept.places[:, 0].max() < 0.5
    assert all(abs(float(kept.places[:, axis].max() - side)) < 0.02 for axis, side in enumerate((0.5, 0.4, 0.2)))
    assert torch.cdist(kept.places, kept.places).fill_diagonal_(1).min() > 0.005
