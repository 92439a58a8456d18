"""Adding primitives to an object, and moving those that are there."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from align4d.kernels import njit

from . import layout as at
from .dice import Dice
from .rotations import IDENTITY, Rotation, along, compose, rotate

PAINT_FLOATS = 12
"""Columns COLOR … PHASE of a primitive: one paint of the palette."""


class Sketch(NamedTuple):
    """An object in the making.

    Attributes:
        rows: (ROWS + 1, ROW_FLOATS) float32; the last row takes what is one too many and is thrown away.
        palette: (PAINTS, PAINT_FLOATS) float32.
        dice: the object's random numbers.
    """

    rows: np.ndarray
    palette: np.ndarray
    dice: Dice


@njit(cache=True)
def count(sketch: Sketch) -> int:
    return int(sketch.rows[0, at.COUNT])


@njit(cache=True)
def next_row(sketch: Sketch) -> int:
    used = count(sketch)
    if used == at.MAX_PRIMITIVES:
        return at.ROWS
    sketch.rows[0, at.COUNT] = used + 1
    return used + 1


@njit(cache=True)
def paint(sketch: Sketch, row: int, material: int) -> None:
    for i in range(PAINT_FLOATS):
        sketch.rows[row, at.COLOR + i] = sketch.palette[material, i]


@njit(cache=True)
def add(sketch: Sketch, kind: int, x: float, y: float, z: float, axes: Rotation, a: float, b: float, c: float, rounding: float, material: int) -> int:
    """A primitive, blended as MELT says. Returns its row."""
    row = next_row(sketch)
    q = sketch.rows[row]
    q[at.KIND] = kind
    q[at.CENTER] = x
    q[at.CENTER + 1] = y
    q[at.CENTER + 2] = z
    for i in range(9):
        q[at.ROTATION + i] = axes[i]
    q[at.SIZE] = a
    q[at.SIZE + 1] = b
    q[at.SIZE + 2] = c
    q[at.ROUNDING] = rounding
    q[at.BLEND] = sketch.rows[0, at.MELT]
    paint(sketch, row, material)
    return row


@njit(cache=True)
def hard(sketch: Sketch, row: int) -> int:
    """Takes the blend away: the primitive meets the others in a crease."""
    sketch.rows[row, at.BLEND] = 0.0
    return row


@njit(cache=True)
def ellipsoid(sketch: Sketch, x: float, y: float, z: float, a: float, b: float, c: float, material: int) -> int:
    return add(sketch, at.ELLIPSOID, x, y, z, IDENTITY, a, b, c, 0.0, material)


@njit(cache=True)
def detail(sketch: Sketch, x: float, y: float, z: float, a: float, b: float, c: float, material: int) -> int:
    """A small ellipsoid with a crease: an eye, a button."""
    return hard(sketch, ellipsoid(sketch, x, y, z, a, b, c, material))


@njit(cache=True)
def box(sketch: Sketch, x: float, y: float, z: float, a: float, b: float, c: float, roundness: float, material: int) -> int:
    """A box along the axes; roundness 0 … 1 of its least half extent."""
    return add(sketch, at.BOX, x, y, z, IDENTITY, a, b, c, roundness * min(a, b, c), material)


@njit(cache=True)
def dome(
    sketch: Sketch, x: float, y: float, z: float, up_x: float, up_y: float, up_z: float, a: float, b: float, c: float, cut: float, material: int
) -> int:
    """The part of an ellipsoid that lies towards `up`: semi-axes a (sideways), b, and c along `up`; cut at `cut` of c. Hard."""
    return hard(sketch, add(sketch, at.DOME, x, y, z, along(up_x, up_y, up_z), a, b, c, cut, material))


@njit(cache=True)
def limb(sketch: Sketch, ax: float, ay: float, az: float, bx: float, by: float, bz: float, radius_a: float, radius_b: float, material: int) -> int:
    """A round cone from a to b."""
    dx, dy, dz = bx - ax, by - ay, bz - az
    length = math.sqrt(dx * dx + dy * dy + dz * dz) + 1e-6
    # a ball that swallows the other one is no round cone
    radius_b = max(min(radius_b, radius_a + 0.9 * length), radius_a - 0.9 * length, 0.004)
    return add(sketch, at.ROUND_CONE, ax, ay, az, along(dx, dy, dz), radius_a, radius_b, length, 0.0, material)


@njit(cache=True)
def mirrored(sketch: Sketch, row: int, x: float) -> int:
    """A copy of a primitive on the other side of the plane at x. Returns its row."""
    copy = next_row(sketch)
    q = sketch.rows[copy]
    q[:] = sketch.rows[row]
    q[at.CENTER] = 2.0 * x - q[at.CENTER]
    # a reflection: fine, since every primitive is symmetric in its own x; keep the axes right-handed by turning that one
    q[at.ROTATION + 1] = -q[at.ROTATION + 1]
    q[at.ROTATION + 2] = -q[at.ROTATION + 2]
    q[at.ROTATION + 3] = -q[at.ROTATION + 3]
    q[at.ROTATION + 6] = -q[at.ROTATION + 6]
    q[at.DIRECTION] = -q[at.DIRECTION]
    return copy


@njit(cache=True)
def move(sketch: Sketch, first: int, turned: Rotation, px: float, py: float, pz: float) -> None:
    """Turns the primitives from row `first` on about the point p."""
    for row in range(first, count(sketch) + 1):
        q = sketch.rows[row]
        x, y, z = rotate(turned, q[at.CENTER] - px, q[at.CENTER + 1] - py, q[at.CENTER + 2] - pz)
        q[at.CENTER] = px + x
        q[at.CENTER + 1] = py + y
        q[at.CENTER + 2] = pz + z
        r = at.ROTATION
        axes = compose((q[r], q[r + 1], q[r + 2], q[r + 3], q[r + 4], q[r + 5], q[r + 6], q[r + 7], q[r + 8]), turned)
        for i in range(9):
            q[r + i] = axes[i]


@njit(cache=True)
def shift(sketch: Sketch, first: int, x: float, y: float, z: float) -> None:
    """Moves the primitives from row `first` on."""
    for row in range(first, count(sketch) + 1):
        sketch.rows[row, at.CENTER] += x
        sketch.rows[row, at.CENTER + 1] += y
        sketch.rows[row, at.CENTER + 2] += z


@njit(cache=True)
def split(sketch: Sketch, row: int, x: float, y: float, z: float, threshold: float, sharpness: float, material: int) -> None:
    """Paints the part of a primitive that lies towards the world's direction (x, y, z), beyond threshold * REACH, with another material."""
    q = sketch.rows[row]
    q[at.PATTERN] = at.SPLIT
    for i in range(3):
        r = at.ROTATION + 3 * i
        q[at.DIRECTION + i] = q[r] * x + q[r + 1] * y + q[r + 2] * z
        q[at.SECOND + i] = sketch.palette[material, i]
    q[at.PHASE] = threshold
    q[at.FREQUENCY] = sharpness


@njit(cache=True)
def band(sketch: Sketch, row: int, middle: float, half_width: float, material: int) -> None:
    """A ring of another material about the primitive's own z axis, at `middle` of REACH."""
    q = sketch.rows[row]
    q[at.PATTERN] = at.BAND
    for i in range(3):
        q[at.DIRECTION + i] = 1.0 if i == 2 else 0.0
        q[at.SECOND + i] = sketch.palette[material, i]
    q[at.PHASE] = middle
    q[at.FREQUENCY] = half_width
