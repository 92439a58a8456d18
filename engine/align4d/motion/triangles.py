"""Triangles of a surface: their edges, and how a place on one turns when its corners move."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize


def triangle_frames(corners: Tensor) -> Tensor:
    """(..., 3, 3) rotations whose columns are a triangle's first edge, its normal across that, and its face normal.

    Args:
        corners: (..., 3, 3), one corner a row. Where a triangle has collapsed the frame is no rotation, but finite.
    """
    first = corners[..., 1, :] - corners[..., 0, :]
    second = corners[..., 2, :] - corners[..., 0, :]
    along = normalize(first, dim=-1)
    face = normalize(torch.linalg.cross(first, second), dim=-1)
    return torch.stack([along, torch.linalg.cross(face, along), face], -1)


def edge_lengths(corners: Tensor) -> Tensor:
    """(..., 3) lengths of the edges of triangles (..., 3, 3)."""
    return (corners.roll(-1, -2) - corners + 1e-9).norm(dim=-1)


def mesh_edges(triangles: np.ndarray) -> np.ndarray:
    """(E, 2) undirected edges of (F, 3) triangles, each once; both ends are one where a triangle is degenerate."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(sides, axis=1), axis=0)
