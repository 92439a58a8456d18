"""Animals: on four legs (foxes, wolves, cats, bears, horses, deer, cows, lizards and what lies between them) and birds."""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import njit

from . import layout as at
from .dice import between, chance, choice, normal, side, uniform
from .limbs import segment
from .palette import ACCENT, BELLY, DARK, FUR, HORN, MANE, MARK, SOCKS, WHITE
from .rotations import along, turn
from .solids import Sketch, add, count, detail, ellipsoid, hard, limb, mirrored, move, shift, split

CANINE, FELINE, HOOFED, BEAR, COW, REPTILE, CHIMERA = range(7)


class Frame(NamedTuple):
    """Proportions, in lengths of the trunk: radius of the trunk, length and radius of the legs, length and radius of the neck,
    radius of the head, length of the snout, length and radius of the tail, height and width of the ears (radii of the head)."""

    body: float
    leg: float
    leg_radius: float
    neck: float
    neck_radius: float
    head: float
    snout: float
    tail: float
    tail_radius: float
    ear: float
    ear_width: float


@njit(cache=True)
def frame(sketch: Sketch, species: int) -> Frame:
    d = sketch.dice
    if species == CANINE:
        return Frame(
            between(d, 0.13, 0.2),
            between(d, 0.32, 0.55),
            between(d, 0.03, 0.055),
            between(d, 0.12, 0.3),
            0.11,
            between(d, 0.12, 0.19),
            between(d, 0.7, 1.4),
            between(d, 0.4, 0.9),
            between(d, 0.05, 0.13),
            between(d, 0.6, 1.3),
            between(d, 0.25, 0.5),
        )
    if species == FELINE:
        return Frame(
            between(d, 0.11, 0.19),
            between(d, 0.25, 0.48),
            between(d, 0.03, 0.06),
            between(d, 0.05, 0.2),
            0.1,
            between(d, 0.13, 0.24),
            between(d, 0.15, 0.5),
            between(d, 0.5, 1.0),
            between(d, 0.02, 0.06),
            between(d, 0.4, 0.9),
            between(d, 0.25, 0.5),
        )
    if species == HOOFED:
        return Frame(
            between(d, 0.14, 0.22),
            between(d, 0.5, 0.9),
            between(d, 0.025, 0.05),
            between(d, 0.3, 0.7),
            0.1,
            between(d, 0.09, 0.15),
            between(d, 1.0, 2.2),
            between(d, 0.1, 0.6),
            between(d, 0.02, 0.08),
            between(d, 0.5, 1.1),
            between(d, 0.15, 0.3),
        )
    if species == BEAR:
        return Frame(
            between(d, 0.25, 0.4),
            between(d, 0.25, 0.45),
            between(d, 0.07, 0.13),
            between(d, 0.0, 0.15),
            0.2,
            between(d, 0.18, 0.32),
            between(d, 0.4, 0.9),
            between(d, 0.0, 0.12),
            0.06,
            between(d, 0.3, 0.5),
            between(d, 0.3, 0.45),
        )
    if species == COW:
        return Frame(
            between(d, 0.2, 0.32),
            between(d, 0.28, 0.5),
            between(d, 0.045, 0.08),
            between(d, 0.05, 0.25),
            0.15,
            between(d, 0.14, 0.22),
            between(d, 0.7, 1.3),
            between(d, 0.3, 0.6),
            0.02,
            between(d, 0.3, 0.8),
            between(d, 0.2, 0.35),
        )
    if species == REPTILE:
        return Frame(
            between(d, 0.12, 0.28),
            between(d, 0.15, 0.4),
            between(d, 0.04, 0.09),
            between(d, 0.1, 0.9),
            0.1,
            between(d, 0.1, 0.18),
            between(d, 0.6, 1.6),
            between(d, 0.7, 1.4),
            between(d, 0.07, 0.13),
            0.0,
            0.0,
        )
    return Frame(
        between(d, 0.12, 0.35),
        between(d, 0.15, 0.9),
        between(d, 0.03, 0.1),
        between(d, 0.0, 0.8),
        between(d, 0.08, 0.18),
        between(d, 0.1, 0.36),
        between(d, 0.0, 2.0),
        between(d, 0.0, 1.2),
        between(d, 0.03, 0.15),
        between(d, 0.0, 1.8),
        between(d, 0.15, 0.6),
    )


@njit(cache=True)
def quadruped(sketch: Sketch) -> None:
    """Built in lengths of the trunk: it reaches from the shoulders at y = -0.5 to the hips at y = 0.5."""
    dice = sketch.dice
    q = uniform(dice)
    species = CHIMERA
    if q < 0.3:
        species = CANINE
    elif q < 0.42:
        species = FELINE
    elif q < 0.62:
        species = HOOFED
    elif q < 0.72:
        species = BEAR
    elif q < 0.8:
        species = COW
    elif q < 0.87:
        species = REPTILE
    f = frame(sketch, species)
    two_colored = chance(dice, 0.5)
    trunk(sketch, f, two_colored)
    neck_and_head(sketch, f, species, two_colored)
    tail(sketch, f, species)
    # rearing, bowing: the front rises about the hips before the legs are put on
    pitch = 0.12 * normal(dice)
    if chance(dice, 0.08):
        pitch = between(dice, 0.3, 1.1)
    move(sketch, 1, turn(-pitch, 0.0, 0.0), 0.0, 0.4, 0.0)
    four_legs(sketch, f, species, 0.4 - 0.8 * math.cos(pitch), 0.8 * math.sin(pitch))
    if chance(dice, 0.1):
        saddle(sketch, f)


@njit(cache=True)
def trunk(sketch: Sketch, f: Frame, two_colored: bool) -> None:
    """Chest, back and hips, the belly perhaps of another color; the back may arch and bend sideways."""
    dice = sketch.dice
    arch, sideways = 0.05 * normal(dice), 0.07 * normal(dice)
    slim = between(dice, 0.7, 1.0)
    r = f.body
    chest = limb(sketch, 0.0, -0.36, 0.0, sideways, 0.05, arch, r * between(dice, 0.95, 1.15), r * slim, FUR)
    loin = limb(sketch, sideways, 0.05, arch, 0.0, 0.4, 0.0, r * slim, r * between(dice, 0.8, 1.05), FUR)
    if two_colored:
        edge = between(dice, 0.15, 0.4)
        split(sketch, chest, 0.0, -0.25, -0.97, edge, 40.0, BELLY)
        split(sketch, loin, 0.0, 0.0, -1.0, edge, 40.0, BELLY)
    elif chance(dice, 0.25):  # front and rear of two colors
        split(sketch, chest, 0.0, -1.0, 0.0, 0.0, 40.0, MARK)
    if chance(dice, 0.12):
        hard(sketch, ellipsoid(sketch, 0.0, between(dice, -0.3, 0.3), 0.75 * r, 0.5 * r, between(dice, 0.1, 0.3), 0.5 * r, MARK))  # a hump, a patch


@njit(cache=True)
def neck_and_head(sketch: Sketch, f: Frame, species: int, two_colored: bool) -> None:
    dice = sketch.dice
    rise = between(dice, 0.5, 1.3) if species == HOOFED else between(dice, -0.2, 1.1)
    sway = 0.25 * f.neck * normal(dice)
    hx, hy, hz = sway, -0.42 - f.neck * math.cos(rise), 0.35 * f.body + f.neck * math.sin(rise)
    row = limb(sketch, 0.0, -0.4, 0.2 * f.body, hx, hy, hz, max(f.neck_radius, 0.6 * f.body), 0.75 * f.head, FUR)
    if two_colored:
        split(sketch, row, 0.0, -0.7, -0.7, between(dice, 0.1, 0.3), 40.0, BELLY)
    if chance(dice, 0.6 if species == HOOFED else 0.12):
        mane(sketch, f, hx, hy, hz)
    first = count(sketch) + 1
    animal_head(sketch, f, species, two_colored)
    move(sketch, first, turn(0.3 * normal(dice), 0.15 * normal(dice), 0.4 * normal(dice)), 0.0, 0.0, 0.0)
    shift(sketch, first, hx, hy - 0.3 * f.head, hz + 0.2 * f.head)


@njit(cache=True)
def mane(sketch: Sketch, f: Frame, hx: float, hy: float, hz: float) -> None:
    dice = sketch.dice
    if chance(dice, 0.65):  # along the neck
        dx, dy, dz = hx, hy + 0.4, hz - 0.2 * f.body
        length = math.sqrt(dx * dx + dy * dy + dz * dz)
        hard(
            sketch,
            add(
                sketch,
                at.ELLIPSOID,
                0.5 * hx,
                0.5 * (hy - 0.4) + 0.6 * f.head,
                0.5 * (hz + 0.2 * f.body) + 0.6 * f.head,
                along(dx, dy, dz),
                0.25 * f.head,
                0.8 * f.head,
                0.6 * length + 0.05,
                0.0,
                MANE,
            ),
        )
    else:  # about the head, as a lion's
        hard(sketch, ellipsoid(sketch, hx, hy + 0.25 * f.head, hz, 1.5 * f.head, 0.8 * f.head, 1.5 * f.head, MANE))


@njit(cache=True)
def animal_head(sketch: Sketch, f: Frame, species: int, two_colored: bool) -> None:
    """About the origin, looking to the front: skull, snout with a nose, eyes, ears, antlers or horns."""
    dice = sketch.dice
    r = f.head
    skull = ellipsoid(sketch, 0.0, 0.0, 0.0, r * between(dice, 0.8, 1.05), r * between(dice, 0.9, 1.15), r * between(dice, 0.8, 1.0), FUR)
    pale = BELLY if chance(dice, 0.7) else MARK
    if two_colored:
        split(sketch, skull, 0.0, -0.5, -0.85, between(dice, 0.1, 0.5), 40.0, pale)
    if f.snout > 0.1:
        long, drop = r * f.snout, between(dice, 0.1, 0.5)
        thick = r * between(dice, 0.35, 0.65)
        tip = thick * between(dice, 0.35, 0.9)
        y, z = -0.6 * r - long, -(0.2 + drop * 0.6) * r
        snout = limb(sketch, 0.0, -0.55 * r, -0.18 * r, 0.0, y, z, thick, tip, FUR)
        if two_colored:
            split(sketch, snout, 0.0, 0.0, -1.0, between(dice, -0.05, 0.05), 40.0, pale)
        elif chance(dice, 0.3):
            split(sketch, snout, 0.0, -1.0, 0.0, between(dice, 0.3, 0.7), 30.0, pale)
        detail(sketch, 0.0, y - 0.85 * tip, z + 0.3 * tip, 0.5 * tip + 0.05 * r, 0.35 * tip + 0.03 * r, 0.4 * tip + 0.03 * r, DARK)
    if chance(dice, 0.9):
        s = r * between(dice, 0.1, 0.2)
        mirrored(sketch, detail(sketch, 0.55 * r, -0.68 * r, between(dice, 0.1, 0.35) * r, s, s, s, DARK), 0.0)
    if f.ear > 0.05:
        ears(sketch, f)
    if species == COW or (species == HOOFED and chance(dice, 0.45)) or chance(dice, 0.06):
        antlers(sketch, r, species)


@njit(cache=True)
def ears(sketch: Sketch, f: Frame) -> None:
    """Pointed or round, upright, hanging or to the side; the inside or the tip of another color."""
    dice = sketch.dice
    r = f.head
    tall, spread = r * f.ear, between(dice, 0.1, 0.7) if chance(dice, 0.8) else between(dice, 1.2, 2.5)
    x, z = 0.55 * r, 0.65 * r
    dx, dz = math.sin(spread), math.cos(spread)
    if chance(dice, 0.6):
        row = hard(sketch, limb(sketch, x, 0.15 * r, z, x + dx * tall, 0.2 * r, z + dz * tall, r * f.ear_width, 0.04 * r, FUR))
    else:
        row = hard(
            sketch,
            add(
                sketch,
                at.ELLIPSOID,
                x + 0.6 * dx * tall,
                0.15 * r,
                z + 0.6 * dz * tall,
                along(dx, 0.0, dz),
                r * f.ear_width,
                0.35 * r * f.ear_width,
                0.7 * tall,
                0.0,
                FUR,
            ),
        )
    q = uniform(dice)
    if q < 0.35:
        split(sketch, row, 0.0, -1.0, 0.0, 0.1, 30.0, BELLY if chance(dice, 0.5) else ACCENT)
    elif q < 0.6:
        split(sketch, row, dx, 0.0, dz, between(dice, 0.3, 0.6), 30.0, SOCKS)
    mirrored(sketch, row, 0.0)


@njit(cache=True)
def antlers(sketch: Sketch, r: float, species: int) -> None:
    dice = sketch.dice
    out, up, back = between(dice, 0.3, 1.0) * r, between(dice, 0.4, 1.6) * r, between(dice, -0.4, 0.8) * r
    x, z, thin = 0.4 * r, 0.75 * r, 0.12 * r
    mirrored(sketch, hard(sketch, limb(sketch, x, 0.0, z, x + out, 0.5 * back, z + 0.6 * up, thin, 0.8 * thin, HORN)), 0.0)
    tip_x, tip_z = x + between(dice, 0.5, 1.3) * out, z + 1.5 * up
    mirrored(sketch, hard(sketch, limb(sketch, x + out, 0.5 * back, z + 0.6 * up, tip_x, back, tip_z, 0.8 * thin, 0.25 * thin, HORN)), 0.0)
    if species == HOOFED and chance(dice, 0.6):
        y, tip_y, tip_z = 0.4 * back, 0.4 * back - 0.6 * r, z + 1.1 * up
        mirrored(sketch, hard(sketch, limb(sketch, x + 0.8 * out, y, z + 0.5 * up, x + out, tip_y, tip_z, 0.8 * thin, 0.3 * thin, HORN)), 0.0)


@njit(cache=True)
def tail(sketch: Sketch, f: Frame, species: int) -> None:
    """In two parts; bushy with a tip of another color, thin with a tuft, thick, or a stump."""
    dice = sketch.dice
    if f.tail < 0.05:
        ellipsoid(sketch, 0.0, 0.4 + 0.9 * f.body, 0.3 * f.body, f.tail_radius, f.tail_radius, f.tail_radius, BELLY if chance(dice, 0.4) else FUR)
        return
    lift, curl = between(dice, -1.2, 1.0), between(dice, -0.9, 1.1)
    sway = 0.5 * normal(dice)
    half = 0.5 * f.tail
    y, z = 0.4 + 0.8 * f.body, 0.3 * f.body
    mx, my, mz = half * math.sin(sway), y + half * math.cos(lift) * math.cos(sway), z + half * math.sin(lift)
    ex, ey, ez = mx + half * math.sin(1.6 * sway), my + half * math.cos(lift + curl) * math.cos(sway), mz + half * math.sin(lift + curl)
    r = f.tail_radius
    if species == REPTILE:
        limb(sketch, 0.0, y - 0.3 * f.body, 0.0, mx, my, mz, 1.5 * r, r, FUR)
        limb(sketch, mx, my, mz, ex, ey, ez, r, 0.15 * r, FUR)
        return
    bushy = r > 0.06
    limb(sketch, 0.0, y - 0.2 * f.body, z, mx, my, mz, 0.5 * r if bushy else 0.8 * r, r, MANE if species == HOOFED and chance(dice, 0.5) else FUR)
    row = limb(sketch, mx, my, mz, ex, ey, ez, r, 0.25 * r if bushy else 0.7 * r, FUR)
    if bushy and chance(dice, 0.7):
        split(sketch, row, ex - mx, ey - my, ez - mz, between(dice, 0.1, 0.5) * half, 12.0 / half, WHITE if chance(dice, 0.6) else SOCKS)
    elif not bushy and chance(dice, 0.4):
        ellipsoid(sketch, ex, ey, ez, 2.0 * r, 2.0 * r, 2.6 * r, MANE)


@njit(cache=True)
def four_legs(sketch: Sketch, f: Frame, species: int, shoulder_y: float, shoulder_z: float) -> None:
    """Standing, walking, running or any; fore legs fold backwards at the wrist, hind legs forwards at the knee and back at the hock."""
    dice = sketch.dice
    gait = uniform(dice)
    stride = 0.08 if gait < 0.22 else between(dice, 0.2, 0.7) if gait < 0.5 else between(dice, 0.4, 1.2)
    r, long = f.leg_radius, f.leg + 0.5 * f.body
    apart = f.body * between(dice, 0.45, 0.8)
    sock = SOCKS if chance(dice, 0.6) else FUR
    paw = r * between(dice, 0.9, 1.3)
    phase = between(dice, -1.0, 1.0)
    for s in (-1.0, 1.0):
        for hind in (0.0, 1.0):
            lead = s * (1.0 - 2.0 * hind)  # walking: crosswise
            if gait > 0.72:  # galloping: the fore legs together, the hind legs together
                lead = phase * (1.0 - 2.0 * hind) + 0.25 * s
            angle = lead * stride + 0.12 * normal(dice)
            fold = 0.1 + between(dice, 0.0, 1.0) * stride * (1.0 if chance(dice, 0.6) else 1.8)
            out = s * between(dice, 0.0, 0.12)
            if species == REPTILE:
                out = s * between(dice, 0.3, 0.9)
            if hind > 0.0:
                x, y, z = segment(sketch, s * apart, 0.38, -0.2 * f.body, angle + 0.35, out, 0.4 * long, 1.7 * r, 1.1 * r, FUR)
                x, y, z = segment(sketch, x, y, z, angle + 0.35 - 0.7 - 0.8 * fold, out, 0.34 * long, 1.1 * r, 0.8 * r, sock)
                turned = angle - 0.2 + 0.2 * fold
                x, y, z = segment(sketch, x, y, z, turned, out, 0.3 * long, 0.8 * r, 0.75 * r, sock)
            else:
                x, y, z = segment(
                    sketch, s * apart, shoulder_y + 0.06, shoulder_z - 0.2 * f.body, angle - 0.1, out, 0.5 * long, 1.5 * r, 0.95 * r, FUR
                )
                turned = angle + 0.05 - fold
                x, y, z = segment(sketch, x, y, z, turned, out, 0.48 * long, 0.9 * r, 0.75 * r, sock)
            segment(
                sketch,
                x,
                y,
                z,
                turned + 1.2,
                0.0,
                1.3 * paw,
                0.85 * paw,
                0.7 * paw,
                DARK if species >= HOOFED and species != BEAR and paw < 0.05 else sock,
            )


@njit(cache=True)
def saddle(sketch: Sketch, f: Frame) -> None:
    dice = sketch.dice
    r = f.body
    hard(sketch, ellipsoid(sketch, 0.0, 0.05, 0.25 * r, 1.08 * r, between(dice, 0.1, 0.22), 0.95 * r, ACCENT))
    if chance(dice, 0.5):
        limb(sketch, side(dice) * 0.9 * r, 0.3, 0.3 * r, 0.0, 0.3, 1.1 * r, 0.3 * r, 0.3 * r, MARK)


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
