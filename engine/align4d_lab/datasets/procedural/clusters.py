"""Clusters: primitives of any kind grown upon each other, half of them symmetric."""

from __future__ import annotations

from align4d.kernels import njit

from . import layout as at
from .dice import between, chance, choice, direction
from .palette import DARK
from .rotations import Rotation, any_rotation
from .solids import Sketch, add, count, limb, mirrored


@njit(cache=True)
def any_solid(sketch: Sketch, x: float, y: float, z: float, axes: Rotation, size: float) -> int:
    dice = sketch.dice
    material = choice(dice, DARK)
    a, b, c = size * between(dice, 0.4, 1.3), size * between(dice, 0.4, 1.3), size * between(dice, 0.4, 1.3)
    kind = choice(dice, 7)
    if kind == at.BOX:
        return add(sketch, kind, x, y, z, axes, 0.8 * a, 0.8 * b, 0.8 * c, between(dice, 0.02, 0.7) * 0.8 * min(a, b, c), material)
    if kind == at.ROUND_CONE:
        dx, dy, dz = direction(dice)
        length = size * between(dice, 0.8, 2.5)
        return limb(sketch, x, y, z, x + dx * length, y + dy * length, z + dz * length, 0.5 * a, 0.5 * b, material)
    if kind == at.TORUS:
        return add(sketch, kind, x, y, z, axes, size, size * between(dice, 0.15, 0.45), 0.0, 0.0, material)
    if kind == at.CYLINDER:
        return add(sketch, kind, x, y, z, axes, 0.8 * a, 0.0, c, 0.02, material)
    if kind == at.FRUSTUM:
        return add(sketch, kind, x, y, z, axes, a, a * between(dice, 0.02, 0.9), c, 0.0, material)
    return add(sketch, kind, x, y, z, axes, a, b, c, between(dice, -0.5, 0.5), material)


@njit(cache=True)
def cluster(sketch: Sketch) -> None:
    dice = sketch.dice
    symmetric = chance(dice, 0.5)
    for i in range(1 + choice(dice, 9)):
        size = between(dice, 0.2, 0.4) if i == 0 else between(dice, 0.08, 0.3)
        x, y, z = 0.0, 0.0, 0.0
        if i > 0:  # on the surface of one that is there
            q = sketch.rows[1 + choice(dice, count(sketch))]
            dx, dy, dz = direction(dice)
            thickness = q[at.SIZE] if int(q[at.KIND]) == at.ROUND_CONE else min(q[at.SIZE], max(q[at.SIZE + 1], q[at.SIZE + 2]))
            off = thickness * between(dice, 0.6, 1.2) + size * between(dice, 0.2, 0.8)
            x, y, z = q[at.CENTER] + dx * off, q[at.CENTER + 1] + dy * off, q[at.CENTER + 2] + dz * off
        row = any_solid(sketch, x, y, z, any_rotation(dice), size)
        if symmetric and i > 0 and abs(x) > 0.3 * size:
            mirrored(sketch, row, 0.0)
