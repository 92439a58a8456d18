"""Exact bounding boxes of primitives, and the normalization of an object: centered, longest side 1."""

from __future__ import annotations

import math

import numpy as np

from align4d.kernels import njit

from . import layout as at

CUBE_BALL = 0.9
"""Radius of a ball about the origin that holds every normalized object (half a cube's diagonal is 0.87)."""


@njit(cache=True)
def support(q: np.ndarray, x: float, y: float, z: float) -> float:
    """How far a primitive reaches from its center along a direction (x, y, z) of its own frame."""
    kind = int(q[at.KIND])
    a, b, c = q[at.SIZE], q[at.SIZE + 1], q[at.SIZE + 2]
    if kind == at.BOX:
        return abs(x) * a + abs(y) * b + abs(z) * c
    if kind == at.ROUND_CONE:
        return max(a, z * c + b)
    across = math.sqrt(x * x + y * y)
    if kind == at.TORUS:
        return a * across + b
    if kind == at.CYLINDER:
        return a * across + c * abs(z)
    if kind == at.FRUSTUM:
        return max(a * across - c * z, b * across + c * z)
    # ellipsoids: the unit ball, stretched
    x, y, z = a * x, b * y, c * z
    whole = math.sqrt(x * x + y * y + z * z)
    cut = q[at.ROUNDING]
    if kind == at.DOME and z < cut * whole:
        return cut * z + math.sqrt(1.0 - cut * cut) * math.sqrt(x * x + y * y)
    return whole


@njit(cache=True)
def reach(q: np.ndarray) -> float:
    """Radius of the bounding sphere about the primitive's center."""
    kind = int(q[at.KIND])
    a, b, c = q[at.SIZE], q[at.SIZE + 1], q[at.SIZE + 2]
    if kind == at.BOX:
        return math.sqrt(a * a + b * b + c * c)
    if kind == at.ROUND_CONE:
        return max(a, b + c)
    if kind == at.TORUS:
        return a + b
    if kind == at.CYLINDER:
        return math.sqrt(a * a + c * c)
    if kind == at.FRUSTUM:
        return math.sqrt(max(a, b) ** 2 + c * c)
    return max(a, b, c)


@njit(cache=True)
def bounding_box(rows: np.ndarray) -> np.ndarray:
    """(2, 3): the lowest and the highest corner of all primitives."""
    corners = np.empty((2, 3))
    corners[0] = 1e9
    corners[1] = -1e9
    for row in range(1, int(rows[0, at.COUNT]) + 1):
        q = rows[row]
        for i in range(3):
            x, y, z = q[at.ROTATION + i], q[at.ROTATION + 3 + i], q[at.ROTATION + 6 + i]
            corners[0, i] = min(corners[0, i], q[at.CENTER + i] - support(q, -x, -y, -z))
            corners[1, i] = max(corners[1, i], q[at.CENTER + i] + support(q, x, y, z))
    return corners


@njit(cache=True)
def normalize(rows: np.ndarray) -> None:
    """Moves the box's center to the origin, makes its longest side 1, and writes BALL and every REACH."""
    corners = bounding_box(rows)
    scale = 1.0 / max((corners[1] - corners[0]).max(), 1e-6)
    rows[0, at.BALL] = CUBE_BALL
    for row in range(1, int(rows[0, at.COUNT]) + 1):
        q = rows[row]
        for i in range(3):
            q[at.CENTER + i] = (q[at.CENTER + i] - 0.5 * (corners[0, i] + corners[1, i])) * scale
            q[at.SIZE + i] *= scale
        if int(q[at.KIND]) != at.DOME:
            q[at.ROUNDING] *= scale
        q[at.BLEND] *= scale
        q[at.REACH] = reach(q)
