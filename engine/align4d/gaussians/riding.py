"""Gaussians that ride on the triangles of a mesh: the corners move, and everything on a triangle follows from them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..motion.hexplane import Offsets
from ..motion.rotations import multiply, small_quaternion
from ..motion.skinning import rotate
from ..motion.triangles import triangle_frames
from ..rendering import Gaussians
from .surface_bound import BoundGaussians


class Seat:
    """How bound Gaussians sit on their triangles in the rest pose.

    Attributes:
        frames: (N, 3, 3) of the triangles.
        inset: (N, 3) from the place on the triangle to the Gaussian's center, in the triangle's frame.
    """

    def __init__(self, bound: BoundGaussians) -> None:
        self.barycentric = bound.barycentric
        self.frames = triangle_frames(bound.corners)
        surface = (bound.barycentric[..., None] * bound.corners).sum(-2)
        self.inset = rotate(self.frames.mT, bound.means - surface)

    def places(self, corners: Tensor, frames: Tensor) -> Tensor:
        """(T, N, 3) means of Gaussians whose triangles' corners and frames (T, N, 3, 3) are these."""
        return (self.barycentric[..., None] * corners).sum(-2) + rotate(frames, self.inset)


class RidingGaussians:
    """Gaussians whose only freedom is the motion of the mesh that they are bound to: nothing else can explain what a picture shows.

    Has what `LearnedGaussians` offers to an optimization; nothing of it learns.

    Args:
        bound: in the rest pose.
        start: the same, as they are rendered.

    Attributes:
        points: (P, 3) where the deformation field is asked: each corner of their triangles once.
    """

    def __init__(self, bound: BoundGaussians, start: Gaussians) -> None:
        self.start, self.seat = start, Seat(bound)
        self.points, self._corner = torch.unique(bound.corners.flatten(0, 1), dim=0, return_inverse=True)

    @property
    def means(self) -> Tensor:
        """(N, 3) in the rest pose."""
        return self.start.means

    def deformed(self, offsets: Offsets, learning: bool) -> Gaussians:
        """With their triangles, whose corners move by `offsets` (..., P, 3), such as (F, P, 3). `learning` changes nothing."""
        corners = (self.points + offsets.center)[..., self._corner, :].unflatten(-2, (-1, 3))
        # a Gaussian turns with its triangle, but no picture is explained by turning triangles where they stand
        frames = triangle_frames(corners).detach()
        quats = multiply(small_quaternion(frames @ self.seat.frames.mT), self.start.quats)
        start = self.start
        return Gaussians(self.seat.places(corners, frames), quats, start.scales, start.opacities, start.colors)

    def step(self, done: float | Tensor) -> None:
        """Nothing learns."""

    def tensors(self) -> list[Tensor]:
        """Nothing changes."""
        return []

    def arrays(self) -> dict[str, np.ndarray]:
        """Nothing to keep: they are the asset's."""
        return {}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Nothing was kept."""
