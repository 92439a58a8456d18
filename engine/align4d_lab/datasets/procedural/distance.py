"""Signed distances of the primitives and of their smooth union (Quilez, "distance functions"; float32, for CPU and CUDA alike)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from align4d.kernels import njit

from . import layout as at

F: Any = np.float32
"""Any, since mypy tells numpy's scalars from Python's; numba does not."""


@njit(fastmath=True, cache=True)
def to_local(q: np.ndarray, x: float, y: float, z: float) -> tuple[float, float, float]:
    """A point of the world in the primitive's frame."""
    x -= q[at.CENTER]
    y -= q[at.CENTER + 1]
    z -= q[at.CENTER + 2]
    r = at.ROTATION
    return q[r] * x + q[r + 1] * y + q[r + 2] * z, q[r + 3] * x + q[r + 4] * y + q[r + 5] * z, q[r + 6] * x + q[r + 7] * y + q[r + 8] * z


@njit(fastmath=True, cache=True)
def norm(x: float, y: float, z: float) -> float:
    return math.sqrt(x * x + y * y + z * z)


@njit(fastmath=True, cache=True)
def clamp(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


@njit(fastmath=True, cache=True)
def ellipsoid_distance(x: float, y: float, z: float, a: float, b: float, c: float) -> float:
    """An estimate that is exact on the surface to first order."""
    x, y, z = x / a, y / b, z / c
    inside = norm(x, y, z)
    if inside < F(1e-4):
        return -min(a, b, c)
    return inside * (inside - F(1)) / norm(x / a, y / b, z / c)


@njit(fastmath=True, cache=True)
def box_distance(x: float, y: float, z: float, a: float, b: float, c: float, rounding: float) -> float:
    x, y, z = abs(x) - a + rounding, abs(y) - b + rounding, abs(z) - c + rounding
    return norm(max(x, F(0)), max(y, F(0)), max(z, F(0))) + min(max(x, y, z), F(0)) - rounding


@njit(fastmath=True, cache=True)
def round_cone_distance(across: float, z: float, radius_a: float, radius_b: float, length: float) -> float:
    slope = (radius_a - radius_b) / length
    cosine = math.sqrt(max(F(1) - slope * slope, F(0)))
    k = cosine * z - slope * across
    if k < F(0):
        return math.sqrt(across * across + z * z) - radius_a
    if k > cosine * length:
        return math.sqrt(across * across + (z - length) * (z - length)) - radius_b
    return across * cosine + z * slope - radius_a


@njit(fastmath=True, cache=True)
def cylinder_distance(across: float, z: float, radius: float, half: float, rounding: float) -> float:
    u, v = across - radius + rounding, abs(z) - half + rounding
    outer_u, outer_v = max(u, F(0)), max(v, F(0))
    return min(max(u, v), F(0)) + math.sqrt(outer_u * outer_u + outer_v * outer_v) - rounding


@njit(fastmath=True, cache=True)
def frustum_distance(across: float, z: float, below: float, above: float, half: float) -> float:
    width, height = above - below, F(2) * half
    cap_u, cap_v = across - min(across, below if z < F(0) else above), abs(z) - half
    along = clamp(((above - across) * width + (half - z) * height) / (width * width + height * height), F(0), F(1))
    side_u, side_v = across - above + width * along, z - half + height * along
    sign = F(-1) if side_u < F(0) and cap_v < F(0) else F(1)
    return sign * math.sqrt(min(cap_u * cap_u + cap_v * cap_v, side_u * side_u + side_v * side_v))


@njit(fastmath=True, cache=True)
def primitive_distance(q: np.ndarray, x: float, y: float, z: float) -> float:
    """Signed distance of a point of the world to one primitive (a row)."""
    x, y, z = to_local(q, x, y, z)
    kind = int(q[at.KIND])
    a, b, c = q[at.SIZE], q[at.SIZE + 1], q[at.SIZE + 2]
    if kind == at.ELLIPSOID:
        return ellipsoid_distance(x, y, z, a, b, c)
    if kind == at.BOX:
        return box_distance(x, y, z, a, b, c, q[at.ROUNDING])
    if kind == at.DOME:
        return max(ellipsoid_distance(x, y, z, a, b, c), q[at.ROUNDING] * c - z)
    across = math.sqrt(x * x + y * y)
    if kind == at.ROUND_CONE:
        return round_cone_distance(across, z, a, b, c)
    if kind == at.TORUS:
        return math.sqrt((across - a) * (across - a) + z * z) - b
    if kind == at.CYLINDER:
        return cylinder_distance(across, z, a, c, q[at.ROUNDING])
    return frustum_distance(across, z, a, b, c)


@njit(fastmath=True, cache=True)
def union_distance(rows: np.ndarray, order: np.ndarray, used: int, x: float, y: float, z: float) -> float:
    """Signed distance to the smooth union of the first `used` primitives of `order` (rows, int32)."""
    nearest = F(1e3)
    for i in range(used):
        q = rows[order[i]]
        blend = q[at.BLEND]
        dx, dy, dz = x - q[at.CENTER], y - q[at.CENTER + 1], z - q[at.CENTER + 2]
        # outside its bounding sphere, widened by what is known already: it cannot be nearer
        limit = nearest + blend + q[at.REACH]
        if limit > F(0) and dx * dx + dy * dy + dz * dz > limit * limit:
            continue
        d = primitive_distance(q, x, y, z)
        if blend > F(0):
            overlap = max(blend - abs(nearest - d), F(0))
            nearest = min(nearest, d) - overlap * overlap / (F(4) * blend)
        else:
            nearest = min(nearest, d)
    return nearest
