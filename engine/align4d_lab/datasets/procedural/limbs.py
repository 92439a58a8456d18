"""Arms, legs and their joints."""

from __future__ import annotations

import math

from align4d.kernels import njit

from .dice import between, normal, uniform
from .solids import Sketch, limb


@njit(cache=True)
def bend(ux: float, uy: float, uz: float, vx: float, vy: float, vz: float, angle: float) -> tuple[float, float, float]:
    """The unit direction u turned by `angle` towards v (what of it is perpendicular to u)."""
    along = ux * vx + uy * vy + uz * vz
    vx, vy, vz = vx - along * ux, vy - along * uy, vz - along * uz
    scale = 1.0 / math.sqrt(vx * vx + vy * vy + vz * vz + 1e-9)
    c, s = math.cos(angle), math.sin(angle) * scale
    return c * ux + s * vx, c * uy + s * vy, c * uz + s * vz


@njit(cache=True)
def leg_direction(angle: float, out: float) -> tuple[float, float, float]:
    """Unit vector: hanging down, turned by `angle` to the front (-y), spread by `out` along x [rad]."""
    return math.sin(out), -math.cos(out) * math.sin(angle), -math.cos(out) * math.cos(angle)


@njit(cache=True)
def segment(
    sketch: Sketch, x: float, y: float, z: float, angle: float, out: float, length: float, radius_a: float, radius_b: float, material: int
) -> tuple[float, float, float]:
    """A part of a leg from (x, y, z), see leg_direction. Returns its end."""
    dx, dy, dz = leg_direction(angle, out)
    x2, y2, z2 = x + dx * length, y + dy * length, z + dz * length
    limb(sketch, x, y, z, x2, y2, z2, radius_a, radius_b, material)
    return x2, y2, z2


@njit(cache=True)
def arm_direction(sketch: Sketch, side: float) -> tuple[float, float, float]:
    """Unit vector of an upper arm: hanging, out to the side, raised, forward, or anywhere that a shoulder allows."""
    dice = sketch.dice
    q = uniform(dice)
    if q < 0.3:
        out, up, front = between(dice, 0.1, 0.5), -1.0, 0.3 * normal(dice)
    elif q < 0.45:
        out, up, front = 1.0, 0.25 * normal(dice), 0.25 * normal(dice)
    elif q < 0.62:
        out, up, front = between(dice, 0.1, 1.0), 1.0, 0.4 * normal(dice)
    elif q < 0.78:
        out, up, front = between(dice, -0.2, 0.6), 0.5 * normal(dice), 1.0
    else:
        out, up, front = between(dice, -0.1, 1.0), normal(dice), normal(dice)
        if front < -0.6:
            front = -front
    scale = 1.0 / math.sqrt(out * out + up * up + front * front + 1e-9)
    return side * out * scale, -front * scale, up * scale
