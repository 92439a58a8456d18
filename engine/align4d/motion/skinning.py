"""Points that follow the parts of a skeleton: linear blend skinning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .parts import Parts
from .skeleton import Motion
from .surface_graph import SurfaceGraph


@dataclass(frozen=True)
class Skin:
    """Attributes:
    weights: (N, K), rows sum to 1.
    """

    weights: Tensor

    def blend(self, motion: Motion) -> tuple[Tensor, Tensor]:
        """The affine map of each point: matrices (T, N, 3, 3) and offsets (T, N, 3)."""
        affine = self.weights @ torch.cat([motion.rotation.flatten(-2), motion.offset], -1)
        return affine[..., :9].unflatten(-1, (3, 3)), affine[..., 9:]

    def move(self, motion: Motion, points: Tensor) -> Tensor:
        """Positions (T, N, 3) of rest positions (N, 3), or of positions per frame (T, N, 3)."""
        matrices, offsets = self.blend(motion)
        return rotate(matrices, points) + offsets


def rotate(matrices: Tensor, vectors: Tensor) -> Tensor:
    """(..., 3) of matrices (..., 3, 3) and vectors (..., 3): for many small products faster than `@`."""
    return (matrices * vectors[..., None, :]).sum(-1)


def skin_points(surface: SurfaceGraph, parts: Parts, points: np.ndarray, device: str) -> Skin:
    """Weights of `points` (N, 3) on or near the surface: those of the nearest node."""
    return Skin(torch.from_numpy(parts.weights[surface.nearest(points)]).to(device))
