"""Birds."""

from __future__ import annotations

import math

from align4d.kernels import njit

from . import layout as at
from .dice import between, chance, choice, normal
from .limbs import segment
from .palette import ACCENT, BELLY, DARK, FUR, HORN, MARK, SOCKS
from .rotations import along, turn
from .solids import Sketch, add, count, detail, ellipsoid, hard, limb, mirrored, move, shift, split


@njit(cache=True)
def bird(sketch: Sketch) -> None:
    """On two legs, the wings folded, spread or beating."""
    dice = sketch.dice
    r = between(dice, 0.12, 0.24)
    first = count(sketch) + 1
    body = ellipsoid(sketch, 0.0, 0.0, 0.0, r, r * between(dice, 1.2, 1.8), r * between(dice, 0.85, 1.1), FUR)
    if chance(dice, 0.6):
        split(sketch, body, 0.0, -0.6, -0.8, between(dice, 0.0, 0.3), 30.0, BELLY)
    out, back = 0.0, between(dice, 0.1, 0.4)
    up = between(dice, -0.4, 0.9)
    if chance(dice, 0.5):
        out, back = 1.0, 0.3 * normal(dice)
    span = r * between(dice, 0.9, 2.2)
    for s in (-1.0, 1.0):
        dx, dy, dz = s * out, back + 1.0 - out, up * out - 0.2
        n = span / math.sqrt(dx * dx + dy * dy + dz * dz)
        axes = along(dx, dy, dz) if out > 0.0 else turn(-1.5, 0.0, 0.25 * s)
        wing = hard(
            sketch,
            add(
                sketch,
                at.ELLIPSOID,
                s * 0.85 * r + 0.7 * n * dx,
                0.7 * n * dy if out > 0.0 else 0.3 * r,
                0.3 * r + 0.7 * n * dz * out,
                axes,
                0.1 * r,
                0.5 * r,
                span,
                0.0,
                MARK,
            ),
        )
        if out > 0.0:
            split(sketch, wing, dx * n / span, dy * n / span, dz * n / span, 0.35, 20.0, SOCKS)
    fan = between(dice, 0.2, 0.8)
    hard(
        sketch,
        add(
            sketch,
            at.BOX,
            0.0,
            1.5 * r + 0.4 * r,
            0.2 * r,
            turn(between(dice, -0.3, 0.9), 0.0, 0.0),
            r * fan,
            r * between(dice, 0.5, 1.2),
            0.06 * r,
            0.03 * r,
            MARK if chance(dice, 0.5) else SOCKS,
        ),
    )
    move(sketch, first, turn(-between(dice, 0.0, 0.9), 0.0, 0.0), 0.0, 0.0, 0.0)
    bird_head(sketch, r)
    sock = HORN if chance(dice, 0.7) else SOCKS
    long, swing = r * between(dice, 0.6, 2.2), 0.5 * normal(dice)
    for s in (-1.0, 1.0):
        angle = s * swing
        x, y, z = segment(
            sketch, s * 0.45 * r, 0.2 * r, -0.6 * r, angle + 0.3, 0.0, 0.5 * long, 0.25 * r, 0.1 * r, FUR if chance(dice, 0.5) else sock
        )
        x, y, z = segment(sketch, x, y, z, angle - 0.5, 0.0, 0.6 * long, 0.09 * r, 0.08 * r, sock)
        segment(sketch, x, y, z, 1.5, s * 0.2, 0.5 * r, 0.09 * r, 0.05 * r, sock)


@njit(cache=True)
def bird_head(sketch: Sketch, r: float) -> None:
    dice = sketch.dice
    neck = r * (between(dice, 1.0, 2.8) if chance(dice, 0.3) else between(dice, 0.1, 0.6))
    y, z = -0.9 * r - 0.3 * neck, 0.7 * r + neck
    s = r * between(dice, 0.45, 0.85)
    limb(sketch, 0.0, -0.6 * r, 0.3 * r, 0.0, y, z, 0.6 * r, 0.7 * s, FUR if chance(dice, 0.7) else MARK)
    first = count(sketch) + 1
    material = (FUR, FUR, MARK, BELLY)[choice(dice, 4)]
    ellipsoid(sketch, 0.0, 0.0, 0.0, s, s * 1.05, s, material)
    beak = s * between(dice, 0.4, 1.8)
    limb(sketch, 0.0, -0.8 * s, -0.1 * s, 0.0, -0.8 * s - beak, -between(dice, 0.1, 0.6) * s, 0.3 * s, 0.05 * s, HORN)
    mirrored(sketch, detail(sketch, 0.7 * s, -0.55 * s, 0.25 * s, 0.17 * s, 0.17 * s, 0.17 * s, DARK), 0.0)
    if chance(dice, 0.3):
        hard(sketch, ellipsoid(sketch, 0.0, 0.2 * s, s, 0.12 * s, 0.7 * s, 0.5 * s, ACCENT))
    move(sketch, first, turn(0.2 * normal(dice), 0.0, 0.5 * normal(dice)), 0.0, 0.0, 0.0)
    shift(sketch, first, 0.0, y - 0.1 * s, z + 0.2 * s)
