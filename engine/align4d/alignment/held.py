"""What the artist holds of an asset, as a cost of poses that move it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..gaussians.surface_bound import BoundGaussians
from ..inputs.asset import Asset


@dataclass(frozen=True)
class Held:
    """Attributes:
    weight: (N, 2) how firmly each Gaussian stays in its place, and at its height; each column sums to 1, or is 0.
    place: (N, 3) where each is in the frame whose pose is known.
    """

    weight: Tensor
    place: Tensor

    def moved(self, means: Tensor) -> Tensor:
        """(T,) mean squared distance of what is held, at places (T, N, 3), from where it is held."""
        away = (means - self.place) ** 2
        return away.sum(-1) @ self.weight[:, 0] + away[..., 2] @ self.weight[:, 1]

    def part(self, index: Tensor) -> Held:
        """Of some of the Gaussians (M,) int64."""
        weight = self.weight[index]
        return Held(weight / weight.sum(0).clamp_min(1e-9), self.place[index])

    def curvature(self) -> Tensor:
        """(N, 3, 3) half of the second derivative of `moved` by each place."""
        # made where they are needed: a copy to a GPU cannot be recorded
        whole, upright = torch.eye(3, dtype=self.weight.dtype, device=self.weight.device), self.weight.new_zeros(3, 3)
        upright[2, 2].fill_(1)
        return self.weight[:, 0, None, None] * whole + self.weight[:, 1, None, None] * upright


def held_of(asset: Asset, bound: BoundGaussians, place: Tensor) -> Held | None:
    """Of Gaussians bound to an asset, which are at `place` (N, 3) in the frame whose pose is known; None where nothing is held."""
    if asset.held is None or not asset.held.any():
        return None
    corners = asset.held[asset.triangles[bound.triangle.cpu().numpy()]]
    weight = (torch.from_numpy(np.ascontiguousarray(corners)).to(place) * bound.barycentric[..., None]).sum(1)
    return Held(weight / weight.sum(0).clamp_min(1e-9), place)
