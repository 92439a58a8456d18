"""The closed surface of something that can be rendered with depth: signed distances to what many views see, averaged on a grid.

After B. Curless and M. Levoy, "A Volumetric Method for Building Complex Models from Range Images" (1996). What no view has seen is inside.
A part that is thinner than the views can tell, such as a board, vanishes so: the sides that look past it outvote those that see it. Where
the matter itself is known, such parts are put back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, label
from torch import Tensor

from ..rendering import Cameras
from .carving import look_up
from .solid import Surface, polygonised

HALF = 0.54
"""Half side of the grid's cube, in longest sides."""

REACH = 3.0
"""Cells in front of and behind a surface within which a view measures its distance."""

SOLID = 0.5
"""Coverage from which a pixel shows the object, and occupancy from which a cell holds matter."""

MISSING = 2.0
"""Matter farther than this from the fused surface is missing from it [cells]; what is nearer is its own blur."""

LEAST_MISSING = 2e-3
"""Of all matter; smaller pieces are haze."""


@dataclass(frozen=True)
class DepthViews:
    """Attributes:
    color: (N, 3, S, S) on white; alpha: (N, 1, S, S).
    depth: (N, 1, S, S) mean camera z of what covers a pixel.
    cameras: N of them.
    """

    color: Tensor
    alpha: Tensor
    depth: Tensor
    cameras: Cameras


def fuse(views: DepthViews, cells: int, smoothing: int, matter: np.ndarray | None = None) -> Surface:
    """The surface, on a grid of `cells` a side around the origin; `smoothing` iterations of Taubin's filter.

    Args:
        matter: (cells, cells, cells) occupancy in [0, 1] of the grid, where it is known.

    Raises:
        ValueError: where the views show nothing.
    """
    cell = 2 * HALF / cells
    axis = (torch.arange(cells) + 0.5) * cell - HALF
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    total, count = torch.zeros(len(points)), torch.zeros(len(points))
    for alpha, depth, pose, lens in zip(views.alpha, views.depth, *_numpy(views.cameras), strict=True):
        seen = look_up(torch.cat([alpha, depth * (alpha > SOLID)]), points, pose, lens)
        z = points @ torch.from_numpy(pose[2, :3]).float() + float(pose[2, 3])
        solid = seen[0] > SOLID
        distance = torch.where(solid, seen[1] / seen[0].clamp_min(SOLID) - z, REACH * cell).clamp_max(REACH * cell)
        known = distance > -REACH * cell
        total += torch.where(known, distance, 0.0)
        count += known
    inside = torch.where(count > 0, -total / count.clamp_min(1) / cell, REACH).reshape(cells, cells, cells).numpy()
    if matter is not None:
        inside = with_missing(inside, matter)
    return polygonised(inside, lambda places: (places + 0.5) * cell - HALF, smoothing)


def with_missing(inside: np.ndarray, matter: np.ndarray) -> np.ndarray:
    """`inside` (A, B, C), positive inside [cells], with the pieces of `matter` (A, B, C) that it lacks, grown on to what is there."""
    solid = matter > SOLID
    lacking = solid & (distance_transform_edt(inside <= 0) > MISSING if (inside > 0).any() else solid)
    pieces, _ = label(lacking, np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    kept = (sizes >= LEAST_MISSING * solid.sum())[pieces] & lacking
    if not kept.any():
        return inside
    around = distance_transform_edt(~kept) <= 2 * MISSING
    return np.where(around, np.maximum(inside, (2 * (matter - SOLID)).astype(inside.dtype)), inside)


def _numpy(cameras: Cameras) -> tuple[np.ndarray, np.ndarray]:
    return cameras.viewmats.double().cpu().numpy(), cameras.Ks.double().cpu().numpy()
