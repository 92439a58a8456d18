"""Points that follow the parts of a skeleton: linear blend skinning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .parts import Parts
from .rotations import multiply
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
        frames, parts = motion.offset.shape[:2]
        matrices = self.weights @ motion.rotation.reshape(frames, parts, 9)
        return matrices.reshape(frames, -1, 3, 3), self.weights @ motion.offset

    def move(self, motion: Motion, points: Tensor) -> Tensor:
        """Positions (T, N, 3) of rest positions (N, 3), or of positions per frame (T, N, 3)."""
        matrices, offsets = self.blend(motion)
        return (matrices @ points[..., None])[..., 0] + offsets

    def turn(self, motion: Motion, rotations: Tensor) -> Tensor:
        """Quaternions (T, N, 4) of rest quaternions (N, 4): each follows the part that holds it most."""
        return multiply(motion.quaternion[:, self.weights.argmax(1)], rotations)


def skin_points(surface: SurfaceGraph, parts: Parts, points: np.ndarray, device: str) -> Skin:
    """Weights of `points` (N, 3) on or near the surface: those of the nearest node."""
    return Skin(torch.from_numpy(parts.weights[surface.nearest(points)]).to(device))
