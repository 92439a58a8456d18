"""`polishing` on a GPU: steps that know how the cost curves, without a question to the device, so that they are recorded and replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor

from ..rendering.recorded_steps import RecordedSteps
from .polishing import DAMPING, ENOUGH, FARTHEST, LEAST_DAMPING, LEAST_GAIN, RIDGE

Look = Callable[[Tensor, bool], tuple[Tensor, Tensor, Tensor, Tensor]]
"""At parameters (P,), and whether they are the first of a `run`: the cost and what is told of them, both of one number, the gradient (P,) and
the curvature (P, P)."""
Kind = Literal["look", "step"]

AT_ONCE = 5
"""Pictures after which it is asked whether more are worth while."""


class RecordedPolishing:
    """Damped Gauss-Newton steps, as `polishing.polish` makes them, in tensors that stay where they are.

    Args:
        look: asks the device for nothing.
        count: P.
    """

    def __init__(self, look: Look, count: int, like: Tensor, backend: str) -> None:
        self.look = look
        self.here, self.gradient = like.new_zeros(count), like.new_zeros(count)
        self.cost, self.known, self.damping, self.growth, self.settled = (like.new_zeros(()) for _ in range(5))
        self.matrix = like.new_zeros(count, count)
        self.steps: RecordedSteps[Kind] = RecordedSteps(self._iterate, like.device, backend)

    def run(self, start: Tensor, pictures: int, each: Callable[[], None]) -> Tensor:
        """Where the cost is no more than at `start` (P,), after so many looks at most; `known` is what was told there."""
        with torch.no_grad():
            self.here.copy_(start)
            self.damping.fill_(DAMPING)
            self.growth.fill_(2.0)
            self.settled.zero_()
        steps: list[Kind] = ["step"]
        kinds: list[Kind] = ["look", *(pictures - 1) * steps]
        for begin in range(0, pictures, AT_ONCE):
            if begin and self.settled:
                break
            self._some(kinds[begin : begin + AT_ONCE], each)
        return self.here

    def _some(self, kinds: list[Kind], each: Callable[[], None]) -> None:
        """Makes these steps from where it is."""
        changing = [self.here, *self._told(), self.damping, self.growth, self.settled]
        before = [one.clone() for one in changing]
        left: Iterator[Kind] = iter(())

        def begin() -> None:
            nonlocal left
            left = iter(kinds)
            for one, value in zip(changing, before, strict=True):
                one.copy_(value)

        def next_kind() -> Kind:
            each()
            return next(left)

        self.steps.run(begin, len(kinds), next_kind)

    def _iterate(self, kind: Kind) -> None:
        step = torch.zeros_like(self.here) if kind == "look" else self._step()
        there = (self.here + step).detach()
        found = [there, *(one.detach() for one in self.look(there, kind == "look"))]
        with torch.no_grad():
            if kind == "step":
                gain = self.cost - found[1].squeeze()
                going, gains = self.settled == 0, gain > 0
                self._damp(going, gains, gain, step)
                found = [torch.where(going & gains, new, old) for new, old in zip(found, [self.here, *self._told()], strict=True)]
                self.settled.logical_or_(going & gains & (gain < ENOUGH * found[1].squeeze()))
            for one, new in zip((self.here, *self._told()), found, strict=True):
                one.copy_(new.view_as(one))

    def _told(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.cost, self.known, self.gradient, self.matrix

    @torch.no_grad()
    def _step(self) -> Tensor:
        diagonal = self.matrix.diagonal()
        damped = self.matrix + self.damping * torch.diag(diagonal + RIDGE * diagonal.mean())
        step = torch.nan_to_num(-solved(damped, self.gradient))
        return step * (FARTHEST / step.norm().clamp_min(FARTHEST))

    def _damp(self, going: Tensor, gains: Tensor, gain: Tensor, step: Tensor) -> None:
        foretold = -(self.gradient @ step) - 0.5 * step @ (self.matrix @ step)
        trust = 1 - (2 * gain / foretold.clamp_min(LEAST_GAIN) - 1) ** 3
        eased = (self.damping * trust.clamp_min(1 / 3)).clamp_min(LEAST_DAMPING)
        damping = torch.where(gains, eased, self.damping * self.growth)
        growth = torch.where(gains, torch.full_like(self.growth, 2.0), self.growth * 2)
        self.damping.copy_(torch.where(going, damping, self.damping))
        self.growth.copy_(torch.where(going, growth, self.growth))


def solved(matrix: Tensor, right: Tensor) -> Tensor:
    """(P,) of a positive definite matrix (P, P) and a right side (P,)."""
    root = torch.linalg.cholesky_ex(matrix.double())[0]
    return torch.cholesky_solve(right.double()[:, None], root)[:, 0].to(right)
