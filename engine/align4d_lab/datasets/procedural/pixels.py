"""From a camera and a pixel to a color, and which primitives a tile of pixels can see (float32, for CPU and CUDA alike)."""

from __future__ import annotations

import math

import numpy as np

from align4d.kernels import njit

from . import layout as at
from .distance import F
from .shading import TANGENT, shade

TILE_WIDTH, TILE_HEIGHT = 16, 8
"""Pixels of a tile, which share the choice of primitives (on CUDA: a block)."""


@njit(fastmath=True, cache=True)
def camera_axes(camera: np.ndarray) -> tuple[float, float, float, float, float, float, float, float, float]:
    """Outward direction of the camera (elevation, azimuth), its right and its up, each a unit vector of the world."""
    se, ce, sa, ca = math.sin(camera[0]), math.cos(camera[0]), math.sin(camera[1]), math.cos(camera[1])
    return sa * ce, -ca * ce, se, ca, sa, F(0), -sa * se, ca * se, ce


@njit(fastmath=True, cache=True)
def ray(camera: np.ndarray, column: float, row: float, size: float) -> tuple[float, float, float]:
    """Unit direction through a place of the picture [px, from the upper left corner]."""
    ox, oy, oz, rx, ry, rz, ux, uy, uz = camera_axes(camera)
    right, up = (F(2) * column / size - F(1)) * TANGENT, (F(1) - F(2) * row / size) * TANGENT
    scale = F(1) / math.sqrt(F(1) + right * right + up * up)
    return (right * rx + up * ux - ox) * scale, (right * ry + up * uy - oy) * scale, (right * rz + up * uz - oz) * scale


@njit(fastmath=True, cache=True)
def tile_sees(q: np.ndarray, camera: np.ndarray, column: float, row: float, size: float) -> bool:
    """Whether the primitive's bounding sphere meets the cone about the tile whose upper left pixel is (column, row)."""
    ox, oy, oz, _, _, _, _, _, _ = camera_axes(camera)
    distance = camera[2]
    dx, dy, dz = ray(camera, column + F(TILE_WIDTH * 0.5), row + F(TILE_HEIGHT * 0.5), size)
    x, y, z = q[at.CENTER] - ox * distance, q[at.CENTER + 1] - oy * distance, q[at.CENTER + 2] - oz * distance
    along = x * dx + y * dy + z * dz
    across = math.sqrt(max(x * x + y * y + z * z - along * along, F(0)))
    # the tile's corners lie within this tangent of its middle ray (the picture's middle is where a pixel spans the widest angle);
    # a sphere meets the cone where the way to the cone's side, (across - tangent along) cos, is less than its radius
    tangent = TANGENT / size * F(math.sqrt(TILE_WIDTH**2 + TILE_HEIGHT**2))
    radius = q[at.REACH] + q[at.BLEND] + F(0.01)
    return (across - tangent * along) < radius * math.sqrt(F(1) + tangent * tangent)


@njit(fastmath=True, cache=True)
def pixel(
    rows: np.ndarray, order: np.ndarray, visible: int, camera: np.ndarray, column: int, row: int, size: int, supersampling: int
) -> tuple[float, float, float]:
    """Display-encoded color of a pixel: the mean of supersampling² rays."""
    ox, oy, oz, _, _, _, _, _, _ = camera_axes(camera)
    distance = camera[2]
    red, green, blue = F(0), F(0), F(0)
    step = F(1) / F(supersampling)
    for v in range(supersampling):
        for u in range(supersampling):
            dx, dy, dz = ray(camera, F(column) + (F(u) + F(0.5)) * step, F(row) + (F(v) + F(0.5)) * step, F(size))
            r, g, b = shade(rows, order, visible, ox * distance, oy * distance, oz * distance, dx, dy, dz)
            red += r
            green += g
            blue += b
    weight = step * step
    return red * weight, green * weight, blue * weight
