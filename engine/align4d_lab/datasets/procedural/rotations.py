"""Rotations of primitives, as tuples of the 9 numbers of a row-major matrix whose rows are the primitive's axes in the world."""

from __future__ import annotations

import math

from align4d.kernels import njit

from .dice import Dice, chance, normal, uniform

Rotation = tuple[float, float, float, float, float, float, float, float, float]

IDENTITY: Rotation = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@njit(cache=True)
def turn(x: float, y: float, z: float) -> Rotation:
    """Axes of a primitive turned by the rotation vector (x, y, z) [rad], right-handed."""
    angle = math.sqrt(x * x + y * y + z * z) + 1e-12
    x, y, z = x / angle, y / angle, z / angle
    s, c = math.sin(angle), math.cos(angle)
    k = 1.0 - c
    return (
        c + k * x * x,
        k * x * y + s * z,
        k * x * z - s * y,
        k * x * y - s * z,
        c + k * y * y,
        k * y * z + s * x,
        k * x * z + s * y,
        k * y * z - s * x,
        c + k * z * z,
    )


@njit(cache=True)
def along(x: float, y: float, z: float) -> Rotation:
    """Axes whose third one points along (x, y, z) and whose second one points backwards (+y) as well as it can."""
    n = 1.0 / math.sqrt(x * x + y * y + z * z + 1e-18)
    x, y, z = x * n, y * n, z * n
    bx, by, bz = -y * x, 1.0 - y * y, -y * z
    if by < 1e-3:
        bx, by, bz = -z * x, -z * y, 1.0 - z * z
    n = 1.0 / math.sqrt(bx * bx + by * by + bz * bz)
    bx, by, bz = bx * n, by * n, bz * n
    return (by * z - bz * y, bz * x - bx * z, bx * y - by * x, bx, by, bz, x, y, z)


@njit(cache=True)
def compose(axes: Rotation, move: Rotation) -> Rotation:
    """The axes after the whole space was turned by `move` (given as axes, too)."""
    a, b, c, d, e, f, g, h, i = axes
    ax, ay, az = rotate(move, a, b, c)
    bx, by, bz = rotate(move, d, e, f)
    cx, cy, cz = rotate(move, g, h, i)
    return (ax, ay, az, bx, by, bz, cx, cy, cz)


@njit(cache=True)
def rotate(move: Rotation, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The vector turned: from the primitive's frame to the world."""
    return (move[0] * x + move[3] * y + move[6] * z, move[1] * x + move[4] * y + move[7] * z, move[2] * x + move[5] * y + move[8] * z)


@njit(cache=True)
def any_rotation(dice: Dice) -> Rotation:
    """None, a little, about one axis, or any."""
    q = uniform(dice)
    if q < 0.35:
        return IDENTITY
    if q < 0.55:
        return turn(0.35 * normal(dice), 0.35 * normal(dice), 0.35 * normal(dice))
    if q < 0.75:
        angle = 3.14159 * uniform(dice)
        if chance(dice, 0.4):
            return turn(0.0, 0.0, angle)
        return turn(angle, 0.0, 0.0) if chance(dice, 0.5) else turn(0.0, angle, 0.0)
    return turn(2.0 * normal(dice), 2.0 * normal(dice), 2.0 * normal(dice))
