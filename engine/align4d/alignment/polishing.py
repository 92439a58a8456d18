"""The last steps to a pose: damped Gauss-Newton steps, which a dozen pictures are enough for.

Levenberg (1944) and Marquardt (1963); the damping follows how well the last step was foretold (Nielsen 1999).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import torch
from torch import Tensor

DAMPING, LEAST_DAMPING = 0.01, 1e-4
"""At first, and at least, of the diagonal."""
RIDGE = 0.1
"""Of the diagonal's mean, what the damping adds to each of its entries: for what a picture does not show."""
FARTHEST = 0.1
"""Norm of a step, in units of the whole surface's motion."""
ENOUGH = 1e-3
"""Gain of a step, in parts of the cost, below which there is no other."""
LEAST_GAIN = 1e-12
"""A step is taken to have foretold no less."""


class Point(Protocol):
    """Parameters (P,) that were looked at, with their cost and its gradient (P,)."""

    parameters: Tensor

    @property
    def cost(self) -> float:
        """What is made small."""

    @property
    def gradient(self) -> Tensor:
        """(P,)"""

    def curvature(self) -> Tensor:
        """(P, P) the second derivative, at least nearly."""


Found = TypeVar("Found", bound=Point)


def polish(look: Callable[[Tensor], Found], start: Tensor, pictures: int, each: Callable[[], None]) -> Found:
    """Where the cost is no more than at `start` (P,).

    Args:
        look: at parameters.
        pictures: how often at most.
        each: called before each look, see `Reporter.check_cancelled`.
    """
    here = look(start)
    damping, growth = DAMPING, 2.0
    matrix = here.curvature()
    for left in range(pictures - 2, -1, -1):
        each()
        step = _step(matrix, here.gradient, damping)
        there = look(here.parameters + step)
        gain = here.cost - there.cost
        if not gain > 0:
            damping, growth = damping * growth, growth * 2
            continue
        foretold = float(-(here.gradient @ step) - 0.5 * step @ (matrix @ step))
        damping = max(LEAST_DAMPING, damping * max(1 / 3, 1 - (2 * gain / max(foretold, LEAST_GAIN) - 1) ** 3))
        here, growth = there, 2.0
        if gain < ENOUGH * here.cost:
            break
        if left:
            matrix = here.curvature()
    return here


def _step(matrix: Tensor, gradient: Tensor, damping: float) -> Tensor:
    diagonal = matrix.diagonal()
    damped = matrix + damping * torch.diag(diagonal + RIDGE * diagonal.mean())
    step = -torch.linalg.solve(damped.double(), gradient.double()).to(gradient)
    return step * (FARTHEST / step.norm().clamp_min(FARTHEST))
