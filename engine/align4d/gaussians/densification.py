"""Densification: more Gaussians where the pictures pull hardest, fewer where they are not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..motion.rotations import matrix_from_quaternion
from ..motion.skinning import rotate

SPLIT = 1.6
"""A Gaussian that is split becomes two, smaller by this (3D Gaussian splatting)."""

LARGE = 0.05
"""In longest sides; a Gaussian whose largest standard deviation is above is split in two, below it is doubled: the paper's tenth of
DreamGaussian4D's extent, which is half the longest side."""

LEAST_OPACITY = 0.01
"""Gaussians below are removed, as in DreamGaussian4D."""


@dataclass(frozen=True)
class DensificationSettings:
    """When and where, for Gaussians that are not bound to a mesh.

    Attributes:
        enabled: off, because with the baseline's first iteration of 3000 it never happens in 500 [D].
        interval: iterations from one time to the next [P].
        gradient: least mean gradient of a center, in half pictures, that adds a Gaussian [P].
    """

    enabled: bool = False
    interval: int = 100
    gradient: float = 0.05


class CenterGradients:
    """Mean length of each center's gradient since the last densification."""

    def __init__(self, like: Tensor) -> None:
        self.total, self.count = torch.zeros(len(like), device=like.device), 0

    def add(self, gradient: Tensor, half_picture: Tensor | float) -> None:
        """Adds the gradient (N, 3) of the means.

        Args:
            half_picture: half the height of what the camera sees at the object's distance, in longest sides: a center's
                gradient in half pictures, as the threshold counts it, is its gradient in space times this.
        """
        self.total += gradient.norm(dim=-1) * half_picture
        self.count += 1

    def mean(self) -> Tensor:
        """(N,)"""
        return self.total / max(1, self.count)


def densified(attributes: dict[str, Tensor], gradient: Tensor, threshold: float, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
    """Attributes of the Gaussians after one densification, and where each came from: its old index, or -1 where it is new.

    Args:
        attributes: by the names of `LearnedGaussians`; each (N, ...).
        gradient: (N,) see `CenterGradients`.
        threshold: of the gradient.
        generator: on the attributes' device.
    """
    attributes = {name: tensor.detach() for name, tensor in attributes.items()}
    scale = attributes["log_scale"].exp()
    large = scale.amax(-1) > LARGE
    hot = gradient > threshold
    seen = torch.sigmoid(attributes["logit"]) >= LEAST_OPACITY
    keep, double, split = (mask.nonzero()[:, 0] for mask in (seen & ~(hot & large), seen & hot & ~large, seen & hot & large))
    order = torch.cat([keep, double, split, split])
    made = {name: tensor[order] for name, tensor in attributes.items()}
    halves = slice(len(keep) + len(double), None)
    made["log_scale"][halves] -= math.log(SPLIT)
    random = torch.randn(2 * len(split), 3, generator=generator, device=scale.device)
    turn = matrix_from_quaternion(normalize(made["rotation"][halves], dim=-1))
    made["center"][halves] += rotate(turn, random * scale[order[halves]])
    source = torch.cat([keep, torch.full((len(order) - len(keep),), -1, device=keep.device)])
    return made, source
