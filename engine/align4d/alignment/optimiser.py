"""Adam for joints: steps that agree on what a step moves, and that do not wander where the video says nothing."""

from __future__ import annotations

import torch
from torch import Tensor


class LeveredAdam:
    """Adam whose second moment is partly shared by all parameters.

    Plain Adam makes every parameter move at the same rate, so a joint whose gradient is mere noise (a hidden limb, a
    turn in depth) walks away. A second moment shared by all would hardly move the weak but real directions. Here each
    has its own, with a floor from the mean of all. Parameters should be scaled so that a unit of each moves the whole
    object by about as much (see `tracking.levers`).

    Args:
        parameters: leaf tensors; their `grad` is consumed.
        floor: share of the root mean square of all gradients that each is held above.
    """

    betas = (0.8, 0.95)
    """Decay of the first and the second moment."""

    def __init__(self, parameters: list[Tensor], floor: float) -> None:
        self.parameters, self.floor = parameters, floor
        self.first = [torch.zeros_like(parameter) for parameter in parameters]
        self.second = [torch.zeros_like(parameter) for parameter in parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step; `rate` is the norm of a step in which all gradients agree with their history."""
        self.steps += 1
        fast, slow = self.betas
        for parameter, first, second in zip(self.parameters, self.first, self.second, strict=True):
            assert parameter.grad is not None
            first.mul_(fast).add_(parameter.grad, alpha=1 - fast)
            second.mul_(slow).addcmul_(parameter.grad, parameter.grad, value=1 - slow)
        bias = 1 - slow**self.steps
        whole = torch.stack([second.sum() for second in self.second]).sum()
        count = sum(second.numel() for second in self.second)
        share = self.floor**2
        for parameter, first, second in zip(self.parameters, self.first, self.second, strict=True):
            scale = ((second * count + share * whole) / bias / (1 + share)).sqrt() + 1e-12
            parameter -= rate * first / (1 - fast**self.steps) / scale
            parameter.grad = None
