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
        self.sizes = [parameter.numel() for parameter in parameters]
        self.first, self.second = (parameters[0].detach().new_zeros(sum(self.sizes)) for _ in range(2))
        self.steps = parameters[0].detach().new_zeros(())
        """Steps so far; on the device, as all that changes, so that a step can be recorded (`RecordedSteps`)."""

    def reset(self) -> None:
        """Forgets all gradients."""
        for state in (self.first, self.second, self.steps):
            state.zero_()

    @torch.no_grad()
    def step(self, rate: float | Tensor) -> None:
        """One step; `rate` is the norm of a step in which all gradients agree with their history."""
        fast, slow = self.betas
        gradients = []
        for parameter in self.parameters:
            assert parameter.grad is not None
            gradients.append(parameter.grad.flatten())
            parameter.grad = None
        gradient = torch.cat(gradients)
        self.steps += 1
        self.first.lerp_(gradient, 1 - fast)
        self.second.mul_(slow).addcmul_(gradient, gradient, value=1 - slow)
        share = self.floor**2
        floored = (self.second * len(self.second) + share * self.second.sum()) / ((1 + share) * (1 - slow**self.steps))
        change = self.first / (floored.sqrt() + 1e-12) * (rate / (1 - fast**self.steps))
        for parameter, part in zip(self.parameters, change.split(self.sizes), strict=True):
            parameter -= part.view_as(parameter)
