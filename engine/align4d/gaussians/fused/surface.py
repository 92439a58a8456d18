"""Numba functions that both passes share: a Gaussian's triangle, its turn, and the light on it.

Float64: nothing here is wide enough for the vectorizer, so it costs nothing.
"""

from __future__ import annotations

import math

from ...kernels import njit
from ...kernels.algebra import cross, dot, plus, vector

CORNERS, BARYCENTRIC, INSET, NORMAL, FRAME, EDGES, YARDSTICK, QUATERNION = 0, 9, 12, 15, 18, 27, 30, 33
"""Where a row of what does not change begins; see `function.Rider`. A frame is stored column after column."""
REST_WIDTH = 37

BLOCK = 256
"""Gaussians whose sums are taken together, whatever the number of threads: sums in another order have other bits."""

FAST = {"nsz", "arcp", "contract", "reassoc"}

LEAST_LENGTH = 1e-12
"""Shorter vectors are divided by this, as `torch.nn.functional.normalize` does."""
LEAST_REAL = 1e-3
NO_EDGE = 1e-9
"""As in `motion.rotations.small_quaternion` and `motion.triangles.edge_lengths`."""
DARKEST = 1e-5
"""As in `alignment.lighting.to_srgb`."""


@njit(forceinline=True)
def mixed(weights, a, b, c):
    """weights[0] a + weights[1] b + weights[2] c"""
    return (
        weights[0] * a[0] + weights[1] * b[0] + weights[2] * c[0],
        weights[0] * a[1] + weights[1] * b[1] + weights[2] * c[1],
        weights[0] * a[2] + weights[1] * b[2] + weights[2] * c[2],
    )


@njit(forceinline=True, error_model="numpy")
def unit(a):
    """a / |a|, and |a|."""
    norm = math.sqrt(dot(a, a))
    inverse = 1.0 / max(norm, LEAST_LENGTH)
    return (a[0] * inverse, a[1] * inverse, a[2] * inverse), norm


@njit(forceinline=True, error_model="numpy")
def unit_gradient(direction, norm, g):
    """Gradient of a from that of a / |a|."""
    if norm < LEAST_LENGTH:
        return g[0] / LEAST_LENGTH, g[1] / LEAST_LENGTH, g[2] / LEAST_LENGTH
    along = dot(direction, g)
    return (g[0] - along * direction[0]) / norm, (g[1] - along * direction[1]) / norm, (g[2] - along * direction[2]) / norm


@njit(forceinline=True)
def moved(affine, place):
    """The image of a place under an affine map: nine entries of the matrix, row after row, and the offset."""
    x, y, z = place
    return (
        affine[0] * x + affine[1] * y + affine[2] * z + affine[9],
        affine[3] * x + affine[4] * y + affine[5] * z + affine[10],
        affine[6] * x + affine[7] * y + affine[8] * z + affine[11],
    )


@njit(forceinline=True)
def carried(affine, corner, t, places):
    """The three corners of a triangle in frame `t`, from their places before; they are the vertices `corner` (3,) of `affine` (V, T, 12)."""
    return moved(affine[corner[0], t], places[0]), moved(affine[corner[1], t], places[1]), moved(affine[corner[2], t], places[2])


@njit(forceinline=True)
def places_at_rest(rest, offset, t, n):
    """The three corners of a triangle before it moves with its parts; `offset` may be empty."""
    a, b, c = vector(rest, CORNERS), vector(rest, CORNERS + 3), vector(rest, CORNERS + 6)
    if offset.shape[0] > 0:
        by = vector(offset[t, n], 0)
        a, b, c = plus(a, 1.0, by), plus(b, 1.0, by), plus(c, 1.0, by)
    return a, b, c


@njit(forceinline=True, error_model="numpy")
def frame_of(a, b, c):
    """The columns of a triangle's frame, with its first two edges, the length of the first and that of their product."""
    first, second = plus(b, -1.0, a), plus(c, -1.0, a)
    along, length = unit(first)
    face, area = unit(cross(first, second))
    return along, cross(face, along), face, first, second, length, area


@njit(forceinline=True)
def axes_of_part(rest, rotation):
    """The columns of a triangle's frame at rest, turned as the part is that holds it."""
    first, second, third = vector(rest, FRAME), vector(rest, FRAME + 3), vector(rest, FRAME + 6)
    rows = vector(rotation[0], 0), vector(rotation[1], 0), vector(rotation[2], 0)
    return (
        (dot(rows[0], first), dot(rows[1], first), dot(rows[2], first)),
        (dot(rows[0], second), dot(rows[1], second), dot(rows[2], second)),
        (dot(rows[0], third), dot(rows[1], third), dot(rows[2], third)),
    )


@njit(forceinline=True, error_model="numpy")
def small_turn(along, across, face, axes):
    """The unit quaternion from the part's axes to the triangle's frame, its norm before, and whether its real part was raised."""
    real = 1.0 + dot(along, axes[0]) + dot(across, axes[1]) + dot(face, axes[2])
    x, y, z = plus(plus(cross(axes[0], along), 1.0, cross(axes[1], across)), 1.0, cross(axes[2], face))
    raised = real < LEAST_REAL
    w = max(real, LEAST_REAL)
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    return (w / norm, x / norm, y / norm, z / norm), norm, raised


@njit(forceinline=True)
def harmonics(normal):
    """As `alignment.lighting.harmonics`."""
    x, y, z = normal
    return 1.0, x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y


@njit(forceinline=True)
def lit(basis, light, channel):
    """Irradiance and sheen of one channel; `light` (13, 3), see `alignment.lighting`."""
    irradiance, sheen = 0.0, 0.0
    for j in range(9):
        irradiance += basis[j] * light[j, channel]
    for j in range(4):
        sheen += basis[j] * light[9 + j, channel]
    return irradiance, sheen
