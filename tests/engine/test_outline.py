"""Outlines as distances: which way points have to go, from however far away."""

from __future__ import annotations

import pytest
import torch

from align4d.alignment.nearest import nearest_points
from align4d.alignment.outline import Outline, apart, overlap, spread_out

SIDE = 64


def disc(x: float, y: float, radius: float) -> torch.Tensor:
    """(1, SIDE, SIDE) mask."""
    rows, columns = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")
    return (((columns - x) ** 2 + (rows - y) ** 2) < radius**2).float()[None]


def within(x: float, y: float, radius: float) -> torch.Tensor:
    """(1, N, 2) points, evenly over a disc."""
    rows, columns = torch.nonzero(disc(x, y, radius)[0], as_tuple=True)
    return torch.stack([columns, rows], -1)[None] + 0.5


def cost(outline: Outline, points: torch.Tensor, color: float = 0.5) -> torch.Tensor:
    return outline.cost(points, torch.full(points.shape[:2], 2.0), torch.full((*points.shape[:2], 3), color))


def gray(level: float = 0.5) -> torch.Tensor:
    return torch.full((3, SIDE, SIDE), level)


def test_points_that_cover_the_object_cost_least() -> None:
    outline = Outline(gray(), disc(32, 32, 12), 100, 0.1)
    there, small, aside = (float(cost(outline, within(*one))) for one in ((32, 32, 12), (32, 32, 5), (40, 32, 12)))
    assert there == pytest.approx(0, abs=2e-3) and small > 10 * there and aside > 10 * there


def test_from_far_away_everything_is_pulled_back() -> None:
    outline = Outline(gray(), disc(44, 32, 6), 100, 0.1)
    points = within(12, 32, 6).requires_grad_()
    cost(outline, points).sum().backward()
    assert points.grad is not None and (points.grad[..., 0].sum() < 0).all()  # to the right it costs less
    shifts = [float(cost(outline, within(x, 32, 6))) for x in (12, 20, 28, 36, 44)]
    assert shifts == sorted(shifts, reverse=True)


def test_a_pixel_looks_for_its_own_color() -> None:
    color = gray(0.1)
    color[:, :, SIDE // 2 :] = 0.9
    outline = Outline(color, (disc(20, 32, 8) + disc(44, 32, 8)).clamp(0, 1), 100, 2.0)
    points = torch.cat([within(20, 32, 8), within(44, 32, 8)], 1)
    half = points.shape[1] // 2
    dark_left = torch.tensor([0.1] * half + [0.9] * half)[None, :, None].expand(1, -1, 3)
    depth = torch.full(points.shape[:2], 2.0)
    right, exchanged = (float(outline.cost(points, depth, colors)) for colors in (dark_left, dark_left.flip(1)))
    assert right < 0.01 < exchanged


def test_where_the_border_cuts_the_object_nobody_knows_how_far_it_goes_on() -> None:
    beyond = within(32, 32, 6)
    beyond[..., 0] += SIDE
    cut, whole = Outline(gray(), disc(62, 32, 8), 50, 0.1), Outline(gray(), disc(50, 32, 8), 50, 0.1)
    assert cut._outside(beyond).max() == 0 and whole._outside(beyond).min() > 0.4


def test_how_far_masks_are_apart() -> None:
    mask = disc(32, 32, 12)
    assert apart(mask, mask) == 0 and overlap(mask, mask) == 1
    assert apart(mask, 0 * mask) == 1 and overlap(mask, 0 * mask) == 0
    assert apart(mask, disc(40, 32, 12)) == pytest.approx(8 / SIDE, abs=0.03)
    limb = mask.clone()
    limb[0, 44:60, 31:34] = 1  # thin, and far out
    assert apart(mask, limb) > 0.05 and overlap(mask, limb) > 0.85
    thin = torch.zeros(1, SIDE, SIDE)
    thin[0, 10:50, 30] = 1
    assert apart(thin, thin.roll(1, 2)) == pytest.approx(1 / SIDE) and overlap(thin, thin.roll(1, 2)) == 0


def test_spread_out_points_are_far_from_each_other() -> None:
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(0))
    chosen = points[spread_out(points, 20)]
    assert torch.cdist(chosen, chosen).fill_diagonal_(1).min() > 0.25 and torch.cdist(points, chosen).min(1).values.max() < 0.45
    assert sorted(spread_out(points[:5], 20).tolist()) == [0, 1, 2, 3, 4]


def test_the_kernel_matches_as_the_tensors_do() -> None:
    """With what counts as farther, and with colors that count."""
    generator = torch.Generator().manual_seed(0)
    points, shades = torch.rand(3, 70, 2, generator=generator), torch.rand(3, 70, 3, generator=generator)
    extra = 0.1 * (torch.rand(3, 70, generator=generator) > 0.5)
    places, colors = torch.rand(40, 2, generator=generator), torch.rand(40, 3, generator=generator)
    far = (places[:, None] - points[:, None]).norm(dim=-1) + 0.5 * (colors[:, None] - shades[:, None]).norm(dim=-1) + extra[:, None]
    found = nearest_points(*(one.numpy() for one in (places, colors, points, shades, extra)), 0.5)
    assert torch.equal(torch.from_numpy(found), far.argmin(-1))
    assert not torch.equal(far.argmin(-1), (far - extra[:, None]).argmin(-1))
