"""Objects that move: the primitives of an object joined into a tree where they overlap most, its joints turned, its parts stretched.

The posed object has the same rows as the one at rest.
"""

from __future__ import annotations

import math

import numpy as np

from align4d.kernels import njit

from . import layout as at
from .bounds import reach
from .dice import Dice, between, chance, new_dice, normal, uniform
from .distance import primitive_distance
from .objects import make_object
from .rotations import IDENTITY, Rotation, rotate, turn
from .threads import in_threads

SAMPLES = 5
"""Places along a primitive's axis where it may hang on another."""
SMALL = 0.1
"""Primitives that extend over less than this are details: an eye, a button. They move with what carries them."""
POSE_STREAM = 0x5DEECE66D
"""Poses roll dice of their own: the object of a seed is the same with and without a pose."""
STANDING = 0.4
"""Part of the objects whose first pose is the one they were made in."""
SMALLEST_MOVE = 0.06
"""How lively the second pose is at least: evenly spread in its logarithm up to 1."""


@njit(cache=True)
def axis(q: np.ndarray, ends: np.ndarray, radii: np.ndarray) -> float:
    """Writes the ends (2, 3) of a primitive's axis and its radii (2,) there; returns the axis' length."""
    kind = int(q[at.KIND])
    a, b, c = q[at.SIZE], q[at.SIZE + 1], q[at.SIZE + 2]
    along, low, high = 2, 0.0, 0.0
    radii[0], radii[1] = a, b
    if kind == at.ROUND_CONE:
        high = c
    elif kind == at.CYLINDER or kind == at.FRUSTUM:
        low, high = -c, c
        if kind == at.CYLINDER:
            radii[1] = a
    elif kind == at.TORUS:
        radii[0] = radii[1] = a + b
    else:
        across = max(min(a, b), min(max(a, b), c))
        along = 0 if a >= b and a >= c else 1 if b >= c else 2
        high = max(q[at.SIZE + along] - across, 0.0)
        low = -high
        radii[0] = radii[1] = across
    for i in range(3):
        direction = q[at.ROTATION + 3 * along + i]
        ends[0, i] = q[at.CENTER + i] + low * direction
        ends[1, i] = q[at.CENTER + i] + high * direction
    return high - low


@njit(cache=True)
def hangs(ends: np.ndarray, radii: np.ndarray, other: np.ndarray, place: np.ndarray) -> float:
    """Least distance of a primitive's axis to another primitive, less its radius there; writes where."""
    best = 1e9
    for k in range(SAMPLES):
        part = k / (SAMPLES - 1.0)
        x = ends[0, 0] + part * (ends[1, 0] - ends[0, 0])
        y = ends[0, 1] + part * (ends[1, 1] - ends[0, 1])
        z = ends[0, 2] + part * (ends[1, 2] - ends[0, 2])
        gap = primitive_distance(other, np.float32(x), np.float32(y), np.float32(z)) - (radii[0] + part * (radii[1] - radii[0]))
        if gap < best:
            best = gap
            place[0], place[1], place[2] = x, y, z
    return best


@njit(cache=True)
def tree(rows: np.ndarray, parent: np.ndarray, joint: np.ndarray, order: np.ndarray, extent: np.ndarray) -> int:
    """Joins the primitives (numbered from 1) where they overlap most, from the bulkiest on.

    Writes each one's parent (0: the root), its joint (ROWS, 3), the order in which they were joined, and their extents; returns their number.
    """
    used = int(rows[0, at.COUNT])
    ends, radii = np.empty((at.ROWS, 2, 3)), np.empty((at.ROWS, 2))
    root, bulk = 1, -1.0
    for i in range(1, used + 1):
        length = axis(rows[i], ends[i], radii[i])
        thick = radii[i, 0] + radii[i, 1]
        extent[i] = length + thick
        if thick * thick * extent[i] > bulk:
            root, bulk = i, thick * thick * extent[i]
    nearest, own, others = np.full(at.ROWS, 1e9), np.empty(3), np.empty(3)
    joined = np.zeros(at.ROWS, np.bool_)
    parent[root], order[0], newest = 0, root, root
    joined[root] = True
    for step in range(1, used):
        for i in range(1, used + 1):
            if joined[i]:
                continue
            gap = hangs(ends[i], radii[i], rows[newest], own)
            back = hangs(ends[newest], radii[newest], rows[i], others)
            if min(gap, back) < nearest[i]:
                nearest[i], parent[i] = min(gap, back), newest
                slender = extent[i] > 1.5 * (radii[i, 0] + radii[i, 1])
                for k in range(3):
                    # limbs turn about their end; what is round turns about where it sits
                    joint[i, k] = own[k] if slender else 0.5 * (others[k] + 0.5 * (ends[i, 0, k] + ends[i, 1, k]))
        best = 0
        for i in range(1, used + 1):
            if not joined[i] and (best == 0 or nearest[i] < nearest[best]):
                best = i
        joined[best] = True
        order[step], newest = best, best
    return used


@njit(cache=True)
def angle(dice: Dice, spread: float) -> float:
    return min(max(spread * normal(dice), -2.2), 2.2)


@njit(cache=True)
def joint_turn(dice: Dice, spread: float) -> Rotation:
    """Legs and backs swing about the axis from left to right, heads and tails also turn about the upright one, and some joints do anything."""
    kind = uniform(dice)
    x, y, z = (1.0, 0.35, 0.35) if kind < 0.45 else (0.35, 0.35, 1.0) if kind < 0.8 else (0.7, 0.7, 0.7)
    return turn(angle(dice, x * spread), angle(dice, y * spread), angle(dice, z * spread))


@njit(cache=True)
def lengthening(q: np.ndarray, logarithm: float) -> float:
    """By which factor a limb gets longer. It stays a round cone: none of its two balls may swallow the other."""
    least = min(1.0, 1.05 * abs(q[at.SIZE] - q[at.SIZE + 1]) / q[at.SIZE + 2])
    return max(math.exp(min(max(logarithm, -0.35), 0.35)), least)


@njit(cache=True)
def pose(dice: Dice, rows: np.ndarray, posed: np.ndarray, lively: float) -> None:
    """Writes the object of `rows` in a random pose to `posed`; `lively` in [0, 1]: how far it moves, 1 is a leap."""
    parent, order, joint = np.zeros(at.ROWS, np.int64), np.zeros(at.ROWS, np.int64), np.zeros((at.ROWS, 3))
    extent, turned, moved, stretch = np.zeros(at.ROWS), np.zeros((at.ROWS, 9)), np.zeros((at.ROWS, 3)), np.ones(at.ROWS)
    used = tree(rows, parent, joint, order, extent)
    posed[:] = rows
    # a back that arches, a figure that squashes: long parts of a body change their length
    elastic = 0.13 * lively if chance(dice, 0.5) else 0.0
    longer = elastic * normal(dice)
    ball = 0.0
    for step in range(used):
        i = order[step]
        if step == 0:
            about = root_motion(dice, lively, moved[i])
            start, shift = IDENTITY, moved[i].copy()
            px, py, pz = float(rows[i, at.CENTER]), float(rows[i, at.CENTER + 1]), float(rows[i, at.CENTER + 2])
        else:
            slender = rows[i, at.KIND] == at.ROUND_CONE
            spread = lively * (1.0 if slender else 0.6)
            if chance(dice, 0.95 if extent[i] < SMALL else 0.25 if slender else 0.5):
                spread = 0.0
            about = joint_turn(dice, spread)
            up = turned[parent[i]]
            start, shift = (up[0], up[1], up[2], up[3], up[4], up[5], up[6], up[7], up[8]), moved[parent[i]]
            px, py, pz = joint[i, 0], joint[i, 1], joint[i, 2]
        if elastic > 0.0 and extent[i] >= SMALL and rows[i, at.KIND] == at.ROUND_CONE:
            stretch[i] = lengthening(rows[i], longer + 0.5 * elastic * normal(dice))
        if step > 0:
            px, py, pz = carried(rows[parent[i]], stretch[parent[i]], px, py, pz)
        # a point x of the part at rest comes to start(p' + about(x - p)) + shift, where p' is its joint p on the stretched parent
        ax, ay, az = rotate(about, joint[i, 0], joint[i, 1], joint[i, 2]) if step > 0 else rotate(about, px, py, pz)
        bx, by, bz = rotate(start, px - ax, py - ay, pz - az)
        moved[i, 0], moved[i, 1], moved[i, 2] = bx + shift[0], by + shift[1], bz + shift[2]
        for k in range(3):
            x, y, z = rotate(start, about[3 * k], about[3 * k + 1], about[3 * k + 2])
            turned[i, 3 * k], turned[i, 3 * k + 1], turned[i, 3 * k + 2] = x, y, z
        ball = max(ball, place(rows[i], turned[i], moved[i], stretch[i], posed[i]))
    posed[0, at.BALL] = max(rows[0, at.BALL], ball)


@njit(cache=True)
def root_motion(dice: Dice, lively: float, moved: np.ndarray) -> Rotation:
    """How the whole object turns; writes by how much it moves. It may stand still, and now and then it turns around."""
    if chance(dice, 0.35):
        return IDENTITY
    for k in range(3):
        moved[k] = 0.06 * lively * normal(dice)
    about = 0.9 if uniform(dice) < 0.12 else 0.3
    return turn(0.2 * lively * normal(dice), 0.15 * lively * normal(dice), angle(dice, about * lively))


@njit(cache=True)
def carried(q: np.ndarray, stretch: float, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Where a point on a limb comes to when the limb gets longer by the factor `stretch` (from its own end at CENTER on)."""
    r = at.ROTATION + 6
    along = q[r] * (x - q[at.CENTER]) + q[r + 1] * (y - q[at.CENTER + 1]) + q[r + 2] * (z - q[at.CENTER + 2])
    more = (stretch - 1.0) * along
    return x + more * q[r], y + more * q[r + 1], z + more * q[r + 2]


@njit(cache=True)
def place(q: np.ndarray, turned: np.ndarray, moved: np.ndarray, stretch: float, posed: np.ndarray) -> float:
    """Writes a primitive after its motion; returns how far it reaches from the origin."""
    about = (turned[0], turned[1], turned[2], turned[3], turned[4], turned[5], turned[6], turned[7], turned[8])
    x, y, z = rotate(about, q[at.CENTER], q[at.CENTER + 1], q[at.CENTER + 2])
    posed[at.CENTER], posed[at.CENTER + 1], posed[at.CENTER + 2] = x + moved[0], y + moved[1], z + moved[2]
    for k in range(3):
        r = at.ROTATION + 3 * k
        posed[r], posed[r + 1], posed[r + 2] = rotate(about, q[r], q[r + 1], q[r + 2])
    if stretch != 1.0:
        posed[at.SIZE + 2] = q[at.SIZE + 2] * stretch
        posed[at.REACH] = reach(posed)
    # a limb's sphere is about its end: about its middle it is smaller
    half = 0.5 * posed[at.SIZE + 2] if int(q[at.KIND]) == at.ROUND_CONE else 0.0
    farthest = 0.0
    for k in range(3):
        middle = posed[at.CENTER + k] + half * posed[at.ROTATION + 6 + k]
        farthest += middle * middle
    return math.sqrt(farthest) + reach(posed) - half


@njit(cache=True, nogil=True)
def _fill(first_seed: int, objects: np.ndarray) -> None:
    rows = np.empty((at.ROWS + 1, at.ROW_FLOATS), np.float32)
    for i in range(objects.shape[0]):
        make_object(first_seed + i, rows)
        dice = new_dice(first_seed + i + POSE_STREAM)
        pose(dice, rows[: at.ROWS], objects[i, 0], 0.0 if chance(dice, STANDING) else between(dice, 0.1, 1.0))
        pose(dice, objects[i, 0], objects[i, 1], math.exp(between(dice, math.log(SMALLEST_MOVE), 0.0)))


def make_moving_objects(first_seed: int, count: int) -> np.ndarray:
    """(count, 2, OBJECT_FLOATS) float32: the objects of `make_objects` in a pose, and moved on from there; releases the GIL.

    The first pose is the one of `make_objects` for a part STANDING of them. The second differs by little or much.
    """
    objects = np.empty((count, 2, at.ROWS, at.ROW_FLOATS), np.float32)
    in_threads(lambda first, after: _fill(first_seed + first, objects[first:after]), count)
    return objects.reshape(count, 2, at.OBJECT_FLOATS)
