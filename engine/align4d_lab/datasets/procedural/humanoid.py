"""Characters on two legs: chibi to lanky, dressed, armed and posed."""

from __future__ import annotations

import math
from typing import NamedTuple

from align4d.kernels import njit

from . import layout as at
from .dice import between, chance, normal, side, uniform
from .gear import back_gear, held, shield
from .heads import head
from .limbs import arm_direction, bend, leg_direction
from .palette import ACCENT, CLOTH, DARK, LEATHER, METAL, SKIN, TROUSERS, WHITE
from .rotations import IDENTITY, along, turn
from .solids import Sketch, add, band, box, count, detail, ellipsoid, hard, limb, mirrored, move, shift, split


class Proportions(NamedTuple):
    """Proportions: radius of the head; half width, depth and height of the trunk; lengths and radii of the limbs."""

    head: float
    width: float
    depth: float
    height: float
    leg: float
    arm: float
    leg_radius: float
    arm_radius: float


@njit(cache=True)
def proportions(sketch: Sketch) -> Proportions:
    dice = sketch.dice
    style = uniform(dice)
    if style < 0.55:  # chibi: a big head on a small body
        head_radius, leg, arm = between(dice, 0.19, 0.34), between(dice, 0.14, 0.3), between(dice, 0.2, 0.34)
        height, width = between(dice, 0.12, 0.2), between(dice, 0.12, 0.21)
    elif style < 0.85:
        head_radius, leg, arm = between(dice, 0.1, 0.17), between(dice, 0.36, 0.52), between(dice, 0.36, 0.48)
        height, width = between(dice, 0.18, 0.27), between(dice, 0.11, 0.2)
    else:  # giants and stick figures
        head_radius, leg, arm = between(dice, 0.07, 0.16), between(dice, 0.2, 0.55), between(dice, 0.3, 0.65)
        height, width = between(dice, 0.15, 0.32), between(dice, 0.07, 0.33)
    leg_radius = width * between(dice, 0.27, 0.46)
    return Proportions(head_radius, width, width * between(dice, 0.55, 0.95), height, leg, arm, leg_radius, leg_radius * between(dice, 0.6, 0.95))


@njit(cache=True)
def humanoid(sketch: Sketch) -> None:
    """Built about the hips' middle: the legs, then all above, which bends and twists in the waist."""
    dice = sketch.dice
    body = proportions(sketch)
    stance = uniform(dice)
    legs(sketch, body, stance)
    upper = count(sketch) + 1
    trunk(sketch, body)
    back_gear(sketch, body.width, body.depth, body.height)
    head_first = count(sketch) + 1
    head(sketch, body.head)
    lively = 0.12 if stance < 0.3 else 0.4
    move(sketch, head_first, turn(0.6 * lively * normal(dice), 0.4 * lively * normal(dice), 1.2 * lively * normal(dice)), 0.0, 0.0, -0.8 * body.head)
    shift(sketch, head_first, 0.0, -0.1 * body.head, 2.0 * body.height + body.head * between(dice, 0.72, 1.0))
    for s in (-1.0, 1.0):
        arm(sketch, body, s)
    move(sketch, upper, turn(lively * normal(dice), 0.5 * lively * normal(dice), 0.8 * lively * normal(dice)), 0.0, 0.0, 0.0)


@njit(cache=True)
def trunk(sketch: Sketch, body: Proportions) -> None:
    """From the hips (z = 0) to the shoulders (z = 2 height): shirt, belt, skirt or robe, shoulder pads, collar."""
    dice = sketch.dice
    w, d, h = body.width, body.depth, body.height
    q = uniform(dice)
    if q < 0.3:
        row = box(sketch, 0.0, 0.0, h, w * 0.95, d * 0.95, 1.05 * h, between(dice, 0.3, 1.0), CLOTH)
    elif q < 0.65:
        row = ellipsoid(sketch, 0.0, 0.0, h, w * 1.1, d * 1.1, h * 1.25, CLOTH)
    else:
        row = add(sketch, at.FRUSTUM, 0.0, 0.0, h, IDENTITY, w * between(dice, 0.75, 1.25), w * between(dice, 0.6, 1.05), h, 0.0, CLOTH)
    p = uniform(dice)
    if p < 0.15:
        split(sketch, row, 0.0, -1.0, 0.0, between(dice, 0.0, 0.35), 40.0, ACCENT)  # an open vest
    elif p < 0.3:
        split(sketch, row, 0.0, 0.0, -1.0, between(dice, -0.1, 0.3), 40.0, TROUSERS)
    elif p < 0.38:
        split(sketch, row, 1.0, 0.0, 0.0, 0.0, 40.0, ACCENT)
    elif p < 0.45:
        split(sketch, row, 0.7, 0.0, 0.7, 0.2, 40.0, LEATHER)
    hard(sketch, ellipsoid(sketch, 0.0, 0.0, 0.05 * h, w * 0.95, d * 0.95, h * 0.45, TROUSERS))
    if chance(dice, 0.55):
        belt(sketch, w, d, h)
    if chance(dice, 0.25):  # skirt, tunic, robe
        drop = body.leg * (between(dice, 0.7, 0.95) if chance(dice, 0.35) else between(dice, 0.2, 0.5))
        skirt = hard(
            sketch,
            add(
                sketch,
                at.FRUSTUM,
                0.0,
                0.0,
                0.15 * h - 0.5 * drop,
                IDENTITY,
                w * between(dice, 1.1, 1.7),
                w * 0.9,
                0.5 * drop + 0.15 * h,
                0.0,
                CLOTH if chance(dice, 0.6) else ACCENT,
            ),
        )
        if chance(dice, 0.4):
            band(sketch, skirt, -0.55, 0.1, WHITE if chance(dice, 0.5) else ACCENT)
    if chance(dice, 0.25):  # collar of fur or cloth, scarf
        hard(
            sketch,
            add(
                sketch,
                at.TORUS,
                0.0,
                0.0,
                1.95 * h,
                turn(0.1 * normal(dice), 0.0, 0.0),
                w * 0.62,
                w * between(dice, 0.18, 0.38),
                0.0,
                0.0,
                WHITE if chance(dice, 0.4) else ACCENT,
            ),
        )
    if chance(dice, 0.3):
        s = between(dice, 0.32, 0.6) * w
        pad = hard(
            sketch,
            ellipsoid(
                sketch,
                w * 1.08,
                0.0,
                1.8 * h,
                s,
                s * between(dice, 0.8, 1.2),
                s * between(dice, 0.6, 1.0),
                METAL if chance(dice, 0.6) else LEATHER,
            ),
        )
        if chance(dice, 0.85):
            mirrored(sketch, pad, 0.0)
    if chance(dice, 0.15):  # a strap across the chest
        hard(
            sketch,
            add(sketch, at.TORUS, 0.0, 0.0, 1.1 * h, turn(0.0, side(dice) * between(dice, 0.6, 0.9), 0.0), w * 1.12, 0.13 * w, 0.0, 0.0, LEATHER),
        )


@njit(cache=True)
def belt(sketch: Sketch, w: float, d: float, h: float) -> None:
    dice = sketch.dice
    z = between(dice, 0.2, 0.5) * h
    if chance(dice, 0.5):
        hard(sketch, add(sketch, at.CYLINDER, 0.0, 0.0, z, IDENTITY, 1.1 * w, 0.0, between(dice, 0.1, 0.22) * h, 0.03 * w, LEATHER))
        front = -1.1 * w
    else:
        hard(sketch, ellipsoid(sketch, 0.0, 0.0, z, 1.13 * w, 1.13 * d, between(dice, 0.2, 0.35) * h, LEATHER))
        front = -1.13 * d
    if chance(dice, 0.6):
        s = between(dice, 0.12, 0.3)
        detail(sketch, 0.0, front, z, s * w, 0.1 * w, s * w, METAL)
    if chance(dice, 0.3):
        s = side(dice)
        box(sketch, s * 0.95 * w, between(dice, -0.6, 0.6) * d, z - 0.2 * h, 0.2 * w, 0.3 * w, 0.3 * w, 0.5, LEATHER if chance(dice, 0.5) else ACCENT)


@njit(cache=True)
def leg_pose(sketch: Sketch, stance: float, s: float) -> tuple[float, float, float]:
    """Angles of a leg (thigh to the front, spread, knee) for a stance in 0 … 1; s tells left from right."""
    dice = sketch.dice
    if stance < 0.3:  # standing
        return 0.08 * normal(dice), s * between(dice, 0.0, 0.15), 0.1 * abs(normal(dice))
    if stance < 0.55:  # walking and running: one leg in front; the hind one folds more
        stride = between(dice, 0.3, 1.2)
        return (stride, 0.05 * s, between(dice, 0.0, 1.4)) if s * (stance - 0.42) > 0.0 else (-0.8 * stride, 0.05 * s, between(dice, 0.1, 1.6))
    if stance < 0.68:  # a kick
        if s * (stance - 0.615) > 0.0:
            return between(dice, 0.8, 2.0), s * between(dice, -0.2, 0.8), between(dice, 0.0, 0.7)
        return 0.15 * normal(dice), 0.1 * s, between(dice, 0.0, 0.4)
    if stance < 0.76:  # sitting, crouching
        return between(dice, 1.0, 1.9), s * between(dice, 0.05, 0.6), between(dice, 0.7, 2.2)
    if stance < 0.86:  # legs apart
        return 0.3 * normal(dice), s * between(dice, 0.3, 0.9), between(dice, 0.0, 0.8)
    return between(dice, -0.8, 1.7), s * between(dice, -0.1, 0.7), between(dice, 0.0, 1.9)


@njit(cache=True)
def legs(sketch: Sketch, body: Proportions, stance: float) -> None:
    dice = sketch.dice
    boots = between(dice, 1.0, 1.7)
    shoe = LEATHER if chance(dice, 0.8) else DARK
    shin = (TROUSERS, LEATHER, SKIN, TROUSERS)[int(4 * uniform(dice))]
    hips = body.width * between(dice, 0.45, 0.62)
    thigh = body.leg * between(dice, 0.46, 0.54)
    taper = between(dice, 0.6, 1.0)
    square = chance(dice, 0.35)
    for s in (-1.0, 1.0):
        angle, out, knee = leg_pose(sketch, stance, s)
        r = body.leg_radius
        ux, uy, uz = leg_direction(angle, out)
        kx, ky, kz = s * hips + ux * thigh, uy * thigh, uz * thigh
        limb(sketch, s * hips, 0.0, 0.0, kx, ky, kz, r, r * 0.85, TROUSERS)
        vx, vy, vz = bend(ux, uy, uz, 0.0, -uz, uy, knee)
        length = body.leg - thigh
        fx, fy, fz = kx + vx * length, ky + vy * length, kz + vz * length
        limb(sketch, kx, ky, kz, fx, fy, fz, r * 0.85, r * taper, shin)
        # the foot stands off the shin to the front, and is turned with it
        tx, ty, tz = bend(vx, vy, vz, 0.0, vz, -vy, between(dice, 1.1, 1.6))
        long = r * boots
        if square:
            hard(
                sketch,
                add(
                    sketch,
                    at.BOX,
                    fx + tx * long * 0.4,
                    fy + ty * long * 0.4,
                    fz + tz * long * 0.4,
                    along(tx, ty, tz),
                    0.95 * r * taper + 0.01,
                    0.8 * r * taper,
                    long,
                    0.4 * r * taper,
                    shoe,
                ),
            )
        else:
            limb(
                sketch,
                fx - tx * 0.2 * r,
                fy - ty * 0.2 * r,
                fz - tz * 0.2 * r,
                fx + tx * long,
                fy + ty * long,
                fz + tz * long,
                r * max(taper, 0.75) * 1.05,
                r * 0.8,
                shoe,
            )


@njit(cache=True)
def arm(sketch: Sketch, body: Proportions, s: float) -> None:
    """Upper arm, forearm, hand and what it holds; the elbow bends to the front and upwards."""
    dice = sketch.dice
    r = body.arm_radius
    sleeve = CLOTH if chance(dice, 0.75) else SKIN
    x, z = s * body.width * 1.02, body.height * between(dice, 1.65, 1.85)
    upper = 0.5 * body.arm
    ux, uy, uz = arm_direction(sketch, s)
    ex, ey, ez = x + ux * upper, uy * upper, z + uz * upper
    limb(sketch, x, 0.0, z, ex, ey, ez, r, r * 0.85, sleeve)
    flex = between(dice, 0.0, 0.5) if chance(dice, 0.5) else between(dice, 0.3, 2.2)
    vx, vy, vz = bend(ux, uy, uz, 0.5 * normal(dice), -1.0, 0.6 + 0.5 * normal(dice), flex)
    hx, hy, hz = ex + vx * upper, ey + vy * upper, ez + vz * upper
    forearm = limb(sketch, ex, ey, ez, hx, hy, hz, r * 0.85, r * 0.75, SKIN if chance(dice, 0.45) else sleeve)
    if chance(dice, 0.4):  # bracers, cuffs, sleeves rolled up
        split(sketch, forearm, vx, vy, vz, between(dice, 0.2, 0.6), 40.0, LEATHER if chance(dice, 0.6) else ACCENT)
    hand = r * between(dice, 0.95, 1.5)
    ellipsoid(sketch, hx + vx * hand * 0.5, hy + vy * hand * 0.5, hz + vz * hand * 0.5, hand, hand, hand, SKIN if chance(dice, 0.55) else LEATHER)
    q = uniform(dice)
    if q < 0.22:
        # held across the forearm, up or to the front
        dx, dy, dz = bend(vx, vy, vz, 0.4 * normal(dice), -0.7, 0.8 * normal(dice) + 0.4, between(dice, 0.7, 1.9))
        scale = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz + 1e-9)
        held(sketch, hx + vx * hand * 0.6, hy + vy * hand * 0.6, hz + vz * hand * 0.6, dx * scale, dy * scale, dz * scale)
    elif q < 0.29:
        shield(sketch, hx, hy, hz, s)
