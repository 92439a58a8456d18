"""The artist's mesh as the reference camera sees it: the picture of which a video is made after a text."""

from __future__ import annotations

import numpy as np

from ..cameras.orbit import intrinsics_for
from ..rendering.zbuffer import render_surface
from .asset import Asset
from .colors import colors_at

FINER = 3
"""Samples per pixel, along each side."""


def render_reference_view(asset: Asset, world_to_camera: np.ndarray, fovy: float, side: int) -> np.ndarray:
    """(side, side, 4) uint8 with straight alpha, in the materials' own colors.

    Args:
        world_to_camera: (4, 4), OpenCV axes, in normalized space.
        fovy: of the picture, which is square [degrees].
    """
    intrinsics = np.diag([FINER, FINER, 1]) @ intrinsics_for(fovy, side, side)
    seen = render_surface(asset.vertices, asset.triangles, world_to_camera, intrinsics, (FINER * side, FINER * side))
    covered = seen.triangle >= 0
    color = np.zeros((*covered.shape, 4), np.float32)
    color[covered, :3] = colors_at(asset, seen.triangle[covered], seen.barycentric[covered])
    color[..., 3] = covered
    small = color.reshape(side, FINER, side, FINER, 4).mean(axis=(1, 3))  # premultiplied: uncovered samples are zero
    small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
    return (small.clip(0, 1) * 255).round().astype(np.uint8)
