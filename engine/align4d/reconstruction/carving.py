"""How strongly the surrounding views speak against matter at each place of the space behind the picture's mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from .surrounding_views import SurroundingViews

DEEP = 1.3
"""Depth of the lattice, in longest sides of the object."""

LEAST = 0.02
"""Coverage below which a view says no more against matter: single views err."""


@dataclass(frozen=True)
class Lattice:
    """Places behind the pixels of a straight picture, at even depths: where the object can be without leaving its outline.

    Attributes:
        intrinsics: (3, 3) K [px] of the picture.
        world_to_camera: (4, 4) of the picture's camera.
        side: of the picture [px].
        depths: (D,) camera z of the layers, nearest first; as far apart as pixels are at the object's center.
    """

    intrinsics: np.ndarray
    world_to_camera: np.ndarray
    side: int
    depths: np.ndarray

    @property
    def step(self) -> float:
        """Distance of layers, in longest sides."""
        return float(self.depths[1] - self.depths[0])

    def to_world(self, column: np.ndarray, row: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """(..., 3) world positions of picture coordinates [px] (the middle of the first pixel is 0.5) at camera depths."""
        pixel = np.stack([column, row, np.ones_like(column)], axis=-1)
        camera = (pixel @ np.linalg.inv(self.intrinsics).T) * np.asarray(depth)[..., None]
        return (camera - self.world_to_camera[:3, 3]) @ self.world_to_camera[:3, :3]


def lattice_behind(intrinsics: np.ndarray, world_to_camera: np.ndarray, side: int, distance: float) -> Lattice:
    """A lattice of nearly cubic cells around the object's center, which lies `distance` in front of the camera."""
    step = distance / float(intrinsics[0, 0])
    count = int(np.ceil(DEEP / step))
    return Lattice(intrinsics, world_to_camera, side, distance + (np.arange(count) + 0.5 - count / 2) * step)


def evidence_against(lattice: Lattice, rows: np.ndarray, columns: np.ndarray, views: SurroundingViews) -> np.ndarray:
    """(M, D) float32: minus the sum over the views of the logarithm of their coverage, at all depths of M pixels (rows, columns).

    0 where all views see the object; each view that sees background there adds up to -log(LEAST) = 3.9.
    """
    shape = len(rows), len(lattice.depths)
    column, row = (np.broadcast_to(one[:, None] + 0.5, shape).astype(np.float64) for one in (columns, rows))
    world = lattice.to_world(column, row, np.broadcast_to(lattice.depths, shape))
    points = torch.from_numpy(world.reshape(-1, 3).astype(np.float32))
    against = torch.zeros(len(points))
    for alpha, pose in zip(views.alpha, views.world_to_camera, strict=True):
        against -= look_up(alpha[None], points, pose, views.intrinsics)[0].clamp_min(LEAST).log()
    return against.reshape(shape).numpy()


def look_up(picture: Tensor, points: Tensor, world_to_camera: np.ndarray, intrinsics: np.ndarray) -> Tensor:
    """(C, N) bilinear values of `picture` (C, S, S) where a camera sees `points` (N, 3); 0 outside of the picture."""
    pose, lens = torch.from_numpy(world_to_camera).float(), torch.from_numpy(intrinsics).float()
    seen = (points @ pose[:3, :3].T + pose[:3, 3]) @ lens.T
    place = seen[:, :2] / seen[:, 2:] / picture.shape[-1] * 2 - 1
    return grid_sample(picture[None], place[None, None], align_corners=False)[0, :, 0]
