"""Adam (Kingma & Ba 2015): torch's, without its class, whose first step loads torch's whole compiler, seconds in each new process."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from ..motion.hexplane import HexPlaneField

BETAS = (0.9, 0.999)
"""Decay of the first and the second moment."""


@dataclass
class Group:
    """Leaf tensors that learn at one rate.

    Attributes:
        parameters: themselves.
        rate: a number or a scalar on their device.
        floor: share of the root mean square of a tensor's gradients that each of them is held above. Adam makes steps of one
            length however small a gradient is; with a floor, what is hardly asked to change hardly does.
    """

    parameters: list[Tensor]
    rate: float | Tensor
    floor: float = 0.0


@dataclass
class Moments:
    """What is kept of one parameter's gradients.

    Attributes:
        exp_avg, exp_avg_sq: means of the gradient and of its square, of the parameter's shape.
        step: steps so far, a float32 number; in main memory, or beside parameters on a GPU, where a step may be recorded.
    """

    exp_avg: Tensor
    exp_avg_sq: Tensor
    step: Tensor

    @classmethod
    def of(cls, parameter: Tensor) -> Moments:
        """Before the first step."""
        return cls(torch.zeros_like(parameter.detach()), torch.zeros_like(parameter.detach()), torch.zeros((), device=parameter.device))


class Adam:
    """Makes steps down the gradients of parameters; one without a gradient stays.

    Args:
        groups: the parameters; `rate` of a group may be changed between steps.
        eps: added to the root of the second moment.

    Attributes:
        moments: of each group's parameters.
    """

    def __init__(self, groups: Sequence[Group], eps: float = 1e-8) -> None:
        self.groups, self.eps = groups, eps
        self.moments = [[Moments.of(parameter) for parameter in group.parameters] for group in groups]

    @torch.no_grad()
    def step(self) -> None:
        """One step."""
        for group, moments in zip(self.groups, self.moments, strict=True):
            learning = [(one, one.grad, kept) for one, kept in zip(group.parameters, moments, strict=True) if one.grad is not None]
            if group.floor:
                for parameter, gradient, kept in learning:
                    self._floored(parameter, gradient, kept, group)
                continue
            adam(
                [parameter for parameter, _, _ in learning],
                [gradient for _, gradient, _ in learning],
                [kept.exp_avg for _, _, kept in learning],
                [kept.exp_avg_sq for _, _, kept in learning],
                [],
                [kept.step for _, _, kept in learning],
                capturable=any(parameter.is_cuda for parameter, _, _ in learning),
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=group.rate,
                weight_decay=0.0,
                eps=self.eps,
                maximize=False,
            )

    def _floored(self, parameter: Tensor, gradient: Tensor, kept: Moments, group: Group) -> None:
        kept.step += 1
        kept.exp_avg.lerp_(gradient, 1 - BETAS[0])
        kept.exp_avg_sq.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        mean = kept.exp_avg / (1 - BETAS[0] ** kept.step)
        square = (kept.exp_avg_sq + group.floor**2 * kept.exp_avg_sq.mean()) / ((1 + group.floor**2) * (1 - BETAS[1] ** kept.step))
        parameter -= group.rate * mean / (square.sqrt() + self.eps)

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        for group in self.groups:
            for parameter in group.parameters:
                parameter.grad = None

    def tensors(self) -> list[Tensor]:
        """All that a step changes, themselves: parameters, moments and step counts."""
        parameters = [parameter for group in self.groups for parameter in group.parameters]
        return [*parameters, *(value for _, kept in self._every() for value in vars(kept).values())]

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """For the checkpoint: moments and step counts as "prefix.PARAMETER.NAME"."""
        return {f"{prefix}.{index}.{name}": value.cpu().numpy() for index, kept in self._every() for name, value in vars(kept).items()}

    def restore(self, prefix: str, arrays: dict[str, np.ndarray]) -> None:
        """From `arrays`; the parameters are the same in the same order."""
        for index, kept in self._every():
            for name, value in vars(kept).items():
                setattr(kept, name, torch.from_numpy(np.array(arrays[f"{prefix}.{index}.{name}"])).to(value.device))

    def _every(self) -> Iterator[tuple[int, Moments]]:
        return enumerate(itertools.chain.from_iterable(self.moments))


def field_adam(field: HexPlaneField, grid_rate: float, network_rate: float) -> Adam:
    """A deformation field's optimizer [D]: its planes learn faster than its MLP."""
    return Adam([Group([*field.grid_parameters()], grid_rate), Group([*field.network_parameters()], network_rate)], eps=1e-15)
