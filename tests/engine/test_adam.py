"""Adam: the steps of torch's own, without its class, and moments that a checkpoint keeps."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from align4d.gaussians.adam import Adam, Group


def learned(optimizer: Adam | torch.optim.Adam, parameters: list[torch.Tensor], steps: range) -> None:
    """Steps towards 1; the second parameter has a gradient in every other step only."""
    for step in steps:
        optimizer.zero_grad()
        parts = parameters if step % 2 else parameters[:1]
        torch.stack([((part - 1) ** 4).sum() for part in parts]).sum().backward()
        optimizer.step()


def leaves() -> list[torch.Tensor]:
    return [torch.linspace(-1, 3, size).requires_grad_() for size in (5, 7)]


def test_steps_are_those_of_torch() -> None:
    ours, theirs = leaves(), leaves()
    learned(Adam([Group(ours[:1], 0.1), Group(ours[1:], 0.03)], eps=1e-15), ours, range(20))
    groups = [{"params": theirs[:1], "lr": 0.1}, {"params": theirs[1:], "lr": 0.03}]
    learned(torch.optim.Adam(groups, eps=1e-15), theirs, range(20))
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert not torch.equal(ours[0], leaves()[0])


@pytest.mark.parametrize(("floor", "least", "most"), [(0.0, 0.99, 1.01), (1.0, 0.0, 0.01)])
def test_what_is_hardly_asked_to_change_hardly_does_above_a_floor(floor: float, least: float, most: float) -> None:
    """Beside a gradient a thousand times larger; Adam as it is moves both by the same."""
    leaf = torch.zeros(2, requires_grad=True)
    optimizer = Adam([Group([leaf], 0.1, floor)], eps=1e-15)
    for _ in range(10):
        (leaf @ torch.tensor([1.0, 1e-3])).backward()
        optimizer.step()
        optimizer.zero_grad()
    strong, weak = leaf.detach().tolist()
    assert strong < -0.9 and least <= weak / strong <= most


def test_gradients_of_one_size_make_the_steps_that_they_make_without_a_floor() -> None:
    moved = []
    for floor in (0.0, 1.0):
        leaf = torch.zeros(4, requires_grad=True)
        optimizer = Adam([Group([leaf], 0.1, floor)], eps=1e-15)
        for sign in (1, 1, -1, 1):
            (sign * leaf.sum()).backward()
            optimizer.step()
            optimizer.zero_grad()
        moved.append(leaf.detach())
    torch.testing.assert_close(moved[0], moved[1])


def test_it_goes_on_from_its_arrays() -> None:
    whole, broken = leaves(), leaves()
    learned(Adam([Group(whole, 0.1)]), whole, range(9))
    first = Adam([Group(broken, 0.1)])
    learned(first, broken, range(4))
    second = Adam([Group(broken, 0.1)])
    second.restore("adam", first.arrays("adam"))
    learned(second, broken, range(4, 9))
    assert all(torch.equal(one, other) for one, other in zip(whole, broken, strict=True))


def test_the_compiler_of_torch_is_not_loaded() -> None:
    """Neither by what a job imports nor by a step or the motion prior: it takes seconds, which each new process would wait for."""
    program = """
import sys, torch
from align4d.gaussians.adam import Adam, Group
from align4d.lifting.weights import load_lifter
from align4d.pipeline import artist
load_lifter("cpu")
leaf = torch.zeros(3, requires_grad=True)
leaf.sum().backward()
Adam([Group([leaf], 0.1)]).step()
sys.exit("torch._dynamo" in sys.modules or float(leaf.sum()) == 0)
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
