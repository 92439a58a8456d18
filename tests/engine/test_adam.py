"""Adam: the steps of torch's own, without its class, and moments that a checkpoint keeps."""

from __future__ import annotations

import subprocess
import sys

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
    """Neither by what a job imports nor by a step: it takes seconds, which each new process would wait for."""
    program = """
import sys, torch
from align4d.gaussians.adam import Adam, Group
from align4d.pipeline import artist
leaf = torch.zeros(3, requires_grad=True)
leaf.sum().backward()
Adam([Group([leaf], 0.1)]).step()
sys.exit("torch._dynamo" in sys.modules or float(leaf.sum()) == 0)
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
