"""Gaussians whose attributes learn: activation, rates, densification, and what Adam remembers across it and across a break."""

from __future__ import annotations

import pytest
import torch

from align4d.gaussians.densification import SPLIT, CenterGradients, densified
from align4d.gaussians.learned import APPEARANCE, GEOMETRY, LearnedGaussians
from align4d.motion.hexplane import Offsets
from align4d.rendering import Gaussians

COUNT = 6


def start(count: int = COUNT) -> Gaussians:
    generator = torch.Generator().manual_seed(0)
    draw = [torch.rand(count, width, generator=generator) for width in (3, 4, 3, 3)]
    return Gaussians(draw[0] - 0.5, draw[1] + 0.1, 0.01 + 0.05 * draw[2], torch.linspace(0.2, 0.9, count), draw[3])


def still(frames: int = 1, count: int = COUNT) -> Offsets:
    return Offsets(*(torch.zeros(frames, count, width) for width in (3, 3, 4)))


def learn(gaussians: LearnedGaussians, steps: int, done: float = 0.0) -> None:
    """Pulls everything that it draws towards 0.3."""
    for _ in range(steps):
        shown = gaussians.deformed(still(count=len(gaussians.means)), learning=True)
        torch.stack([((one - 0.3) ** 2).sum() for one in shown.named().values()]).sum().backward()
        gaussians.step(done)


def test_without_offsets_they_are_what_they_were() -> None:
    shown = LearnedGaussians(start(), free=True).deformed(still(2), learning=False)
    for name, tensor in shown.named().items():
        wanted = start().named()[name]
        torch.testing.assert_close(tensor, wanted.expand_as(tensor), rtol=1e-5, atol=1e-6)
        assert not tensor.requires_grad
    assert shown.means.shape == (2, COUNT, 3) and shown.colors.shape == (COUNT, 3)


def test_offsets_are_added_before_activation() -> None:
    offsets = Offsets(torch.full((1, COUNT, 3), 0.1), torch.full((1, COUNT, 3), 0.5), torch.full((1, COUNT, 4), 0.2))
    shown, first = LearnedGaussians(start(), free=False).deformed(offsets, learning=False), start()
    torch.testing.assert_close(shown.means[0], first.means + 0.1)
    torch.testing.assert_close(shown.scales[0], first.scales * torch.e**0.5)
    torch.testing.assert_close(shown.quats[0], first.quats + 0.2)


@pytest.mark.parametrize("free", [False, True])
def test_who_learns(free: bool) -> None:
    gaussians, before = LearnedGaussians(start(), free), LearnedGaussians(start(), free)
    learn(gaussians, 3)
    for name in (*APPEARANCE, *GEOMETRY):
        moved = not torch.equal(gaussians.attributes[name].detach(), before.attributes[name].detach())
        assert moved is (free or name in APPEARANCE), name


def test_the_first_step_is_the_rate_and_the_means_rate_falls() -> None:
    for done, rate in ((0.0, 1e-3), (0.5, (1e-3 * 2e-5) ** 0.5), (1.0, 2e-5)):
        gaussians = LearnedGaussians(start(), free=True)
        first = {name: tensor.detach().clone() for name, tensor in gaussians.attributes.items()}
        learn(gaussians, 1, done)
        moved = {name: float((tensor.detach() - first[name]).abs().max()) for name, tensor in gaussians.attributes.items()}
        assert moved == pytest.approx({"center": rate, "log_scale": 5e-3, "rotation": 5e-3, "logit": 5e-2, "color": 1e-2}, rel=0.02)


@pytest.mark.parametrize("floor", [0.0, 1.0])
def test_above_a_floor_what_pictures_hardly_show_hardly_learns(floor: float) -> None:
    """Without one, a Gaussian of which a picture shows a ten thousandth goes as far as the others."""
    gaussians, shown = LearnedGaussians(start(), free=True, floor=floor), torch.ones(COUNT)
    shown[-1] = 1e-4
    first = {name: tensor.detach().clone() for name, tensor in gaussians.attributes.items()}
    for _ in range(5):
        drawn = gaussians.deformed(still(), learning=True).named().values()
        torch.stack([(shown[:, None] * (one.reshape(COUNT, -1) - 3) ** 2).sum() for one in drawn]).sum().backward()
        gaussians.step(0.0)
    for name, tensor in gaussians.attributes.items():
        moved = (tensor.detach() - first[name]).abs().reshape(COUNT, -1).amax(1)
        assert (float(moved[-1] / moved[:-1].mean()) > 0.5) is (floor == 0), name


def test_densification_doubles_the_small_splits_the_large_and_removes_the_unseen() -> None:
    gaussians = LearnedGaussians(start(), free=True)
    attributes = {name: tensor.detach().clone() for name, tensor in gaussians.attributes.items()}
    attributes["log_scale"][:] = torch.tensor([0.02, 0.03, 0.01]).log()
    attributes["log_scale"][1] = torch.tensor([0.2, 0.001, 0.001]).log()
    attributes["logit"][5] = -10.0
    gradient = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 1.0])
    made, source = densified(attributes, gradient, 0.5, torch.Generator().manual_seed(0))
    assert source.tolist() == [0, 2, 3, 4, -1, -1, -1]  # kept; then the twin of 0 and the halves of 1
    for name, tensor in made.items():
        assert torch.equal(tensor[:4], attributes[name][[0, 2, 3, 4]]) and torch.equal(tensor[4], attributes[name][0])
    torch.testing.assert_close(made["log_scale"][5:].exp(), (attributes["log_scale"][[1, 1]].exp() / SPLIT))
    away = made["center"][5:] - attributes["center"][1]
    assert not torch.equal(away[0], away[1]) and 0.003 < float(away.norm(dim=-1).mean()) < 0.6
    turn = torch.nn.functional.normalize(attributes["rotation"][1], dim=0)
    w, x, y, z = turn.tolist()
    long_axis = torch.tensor([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)])
    assert ((away @ long_axis).abs() > 0.99 * away.norm(dim=-1)).all()  # along the Gaussian's long axis


def centers_moment(gaussians: LearnedGaussians) -> torch.Tensor:
    """Mean of the gradients of the centers, as Adam keeps it."""
    return gaussians.optimizer.moments[gaussians.names.index("center")][0].exp_avg


def test_adam_remembers_those_that_were_there() -> None:
    gaussians = LearnedGaussians(start(), free=True)
    learn(gaussians, 4)
    before = centers_moment(gaussians).clone()
    gradient = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    gaussians.densify(gradient, 0.5, torch.Generator().manual_seed(0))
    assert len(gaussians.means) == COUNT + 1
    after = centers_moment(gaussians)
    others = gradient < 0.5  # the one that moves most is larger than the published extent allows, so two stand in its place
    assert torch.equal(after[: COUNT - 1], before[others]) and (after[COUNT - 1 :] == 0).all()
    learn(gaussians, 1)


def test_a_break_changes_nothing() -> None:
    whole, broken = (LearnedGaussians(start(), free=True) for _ in range(2))
    for one in (whole, broken):
        learn(one, 3)
        one.densify(torch.ones(COUNT), 0.5, torch.Generator().manual_seed(0))
        learn(one, 2)
    resumed = LearnedGaussians(start(), free=True)
    resumed.restore(broken.arrays())
    for one in (whole, resumed):
        learn(one, 3)
    for name, tensor in whole.attributes.items():
        assert len(tensor) == 2 * COUNT and torch.equal(tensor, resumed.attributes[name]), name


def test_gradients_are_counted_in_half_pictures() -> None:
    watched = CenterGradients(torch.zeros(2, 3))
    watched.add(torch.tensor([[3.0, 0, 4.0], [0, 0, 0]]), 0.8)
    watched.add(torch.tensor([[0.0, 0, 0], [0, 1.0, 0]]), 0.8)
    assert watched.mean().tolist() == pytest.approx([2.0, 0.4])
