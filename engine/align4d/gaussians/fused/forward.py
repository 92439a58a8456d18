"""Numba kernel: from the moved corners of its triangle to where a Gaussian is, how it is turned, and its color."""

from __future__ import annotations

import math

import numpy as np

from ...kernels import njit
from ...kernels.algebra import plus, product, quaternion, vector
from .surface import (
    BARYCENTRIC,
    BLOCK,
    DARKEST,
    EDGES,
    FAST,
    INSET,
    NO_EDGE,
    NORMAL,
    QUATERNION,
    YARDSTICK,
    axes_of_part,
    carried,
    frame_of,
    harmonics,
    lit,
    mixed,
    places_at_rest,
    small_turn,
)


@njit(forceinline=True)
def _edge_change(start, end, rest, edge):
    """Squared change of an edge's length, relative to its yardstick."""
    x, y, z = plus(end, -1.0, start)
    length = math.sqrt((x + NO_EDGE) ** 2 + (y + NO_EDGE) ** 2 + (z + NO_EDGE) ** 2)
    return ((length - rest[EDGES + edge]) / rest[YARDSTICK + edge]) ** 2


@njit(forceinline=True)
def srgb(linear):
    """As `alignment.lighting.to_srgb`, and no more than 1."""
    if linear <= 0.0031308:
        return max(linear, DARKEST) * 12.92
    # float32, since the power is what takes long
    return min(1.055 * np.float32(linear) ** np.float32(1 / 2.4) - 0.055, 1.0)


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def ride_kernel(part, parts, affine, rotation, turn, offset, rest, corner, holder, albedo, light, means, quats, colors, stretch):
    """Part p of n takes every n-th block of Gaussians from the p-th on.

    Args:
        affine: (V, T, 12) of the vertices.
        rotation, turn: (T, K, 3, 3) and (T, K, 4), how the parts are turned.
        offset: (T, N, 3) or empty, moves a triangle before it follows its parts.
        rest, corner, holder: see `function.Rider`.
        albedo, light: (N, 3) and (13, 3), linear.
        means, quats, colors: to be filled, (T, N, 3), (T, N, 4), (T, N, 3).
        stretch: to be filled, (T, blocks): sums of squared relative changes of edges.
    """
    count, frames = rest.shape[0], affine.shape[1]
    for block in range(part, stretch.shape[1], parts):
        for t in range(frames):
            changed = 0.0
            for n in range(block * BLOCK, min(count, (block + 1) * BLOCK)):
                row = rest[n]
                places = places_at_rest(row, offset, t, n)
                a, b, c = carried(affine, corner[n], t, places)
                changed += _edge_change(a, b, row, 0) + _edge_change(b, c, row, 1) + _edge_change(c, a, row, 2)
                along, across, face = frame_of(a, b, c)[:3]
                on_surface = mixed(vector(row, BARYCENTRIC), a, b, c)
                means[t, n] = plus(on_surface, 1.0, mixed(vector(row, INSET), along, across, face))
                left = small_turn(along, across, face, axes_of_part(row, rotation[t, holder[n]]))[0]
                quats[t, n] = product(product(left, quaternion(turn[t, holder[n]], 0)), quaternion(row, QUATERNION))
                basis = harmonics(mixed(vector(row, NORMAL), along, across, face))
                for channel in range(3):
                    irradiance, sheen = lit(basis, light, channel)
                    colors[t, n, channel] = srgb(albedo[n, channel] * irradiance + sheen)
            stretch[t, block] = changed
