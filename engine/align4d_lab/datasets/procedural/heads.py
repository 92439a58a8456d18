"""Heads of characters: face, hair, helmets, hats, hoods; made about the origin, looking to the front (-y)."""

from __future__ import annotations

from align4d.kernels import njit

from . import layout as at
from .dice import between, chance, choice, normal, uniform
from .palette import ACCENT, CLOTH, DARK, HAIR, LEATHER, METAL, SKIN, WHITE
from .rotations import IDENTITY, turn
from .solids import Sketch, add, band, box, detail, dome, ellipsoid, hard, limb, mirrored, split


@njit(cache=True)
def head(sketch: Sketch, r: float) -> None:
    """A head of radius about r, with its face and what it wears."""
    dice = sketch.dice
    a, b, c = r * between(dice, 0.82, 1.08), r * between(dice, 0.82, 1.05), r * between(dice, 0.85, 1.12)
    if chance(dice, 0.2):
        box(sketch, 0.0, 0.0, 0.0, a * 0.88, b * 0.88, c * 0.88, between(dice, 0.2, 0.9), SKIN)
    else:
        hard(sketch, ellipsoid(sketch, 0.0, 0.0, 0.0, a, b, c, SKIN))
    wear = uniform(dice)
    if wear < 0.1:
        closed_helmet(sketch, a, b, c)
        return
    face(sketch, a, b, c)
    if wear < 0.24:
        open_helmet(sketch, a, b, c)
    elif wear < 0.36:
        hood(sketch, a, b, c)
    elif wear < 0.58:
        hair(sketch, a, b, c)
        hat(sketch, a, b, c)
    elif wear < 0.64:
        beast_cap(sketch, a, b, c)
    elif wear < 0.95:
        hair(sketch, a, b, c)
        if chance(dice, 0.2):
            hard(sketch, add(sketch, at.TORUS, 0.0, 0.0, 0.4 * c, IDENTITY, 0.93 * a, 0.1 * a, 0.0, 0.0, ACCENT))
    if chance(dice, 0.12):
        horns(sketch, a, c)


@njit(cache=True)
def face(sketch: Sketch, a: float, b: float, c: float) -> None:
    """Eyes, and perhaps nose, mouth, ears and a beard."""
    dice = sketch.dice
    if chance(dice, 0.9):
        size = between(dice, 0.09, 0.2)
        height, apart = between(dice, -0.1, 0.2), between(dice, 0.28, 0.48)
        depth = -b * 0.88
        if chance(dice, 0.3):  # with the white of the eye
            mirrored(sketch, detail(sketch, apart * a, depth + 0.02 * b, height * c, 1.5 * size * a, 0.12 * b, 1.7 * size * c, WHITE), 0.0)
        tall = between(dice, 0.9, 1.7)
        mirrored(sketch, detail(sketch, apart * a, depth - 0.03 * b, height * c, size * a, 0.1 * b, tall * size * c, DARK), 0.0)
        if chance(dice, 0.25):
            brow = hard(
                sketch,
                add(
                    sketch,
                    at.BOX,
                    apart * a,
                    depth,
                    (height + 0.28) * c,
                    turn(0.0, 0.25 * normal(dice), 0.0),
                    0.2 * a,
                    0.1 * b,
                    0.05 * c,
                    0.02 * c,
                    HAIR,
                ),
            )
            mirrored(sketch, brow, 0.0)
    if chance(dice, 0.5):
        n = between(dice, 0.08, 0.22)
        ellipsoid(sketch, 0.0, -b * 1.0, -0.15 * c, n * a, n * b * 1.3, n * c, SKIN)
    if chance(dice, 0.3):
        detail(
            sketch,
            0.0,
            -b * 0.83,
            -0.45 * c,
            between(dice, 0.1, 0.3) * a,
            0.1 * b,
            between(dice, 0.03, 0.12) * c,
            DARK if chance(dice, 0.6) else ACCENT,
        )
    if chance(dice, 0.35):
        e = between(dice, 0.12, 0.3)
        long = between(dice, 1.0, 3.0) if chance(dice, 0.3) else 1.0  # elves
        axes = turn(0.0, -0.5 * (long - 1.0), 0.0)
        ear = add(sketch, at.ELLIPSOID, a * (0.95 + 0.1 * long), 0.0, -0.05 * c, axes, e * a * long, e * b * 0.6, e * c, 0.0, SKIN)
        mirrored(sketch, ear, 0.0)
    if chance(dice, 0.22):
        beard(sketch, a, b, c)


@njit(cache=True)
def beard(sketch: Sketch, a: float, b: float, c: float) -> None:
    dice = sketch.dice
    q = uniform(dice)
    if q < 0.5:
        ellipsoid(sketch, 0.0, -0.62 * b, -0.65 * c, between(dice, 0.5, 0.85) * a, between(dice, 0.4, 0.55) * b, between(dice, 0.3, 0.6) * c, HAIR)
    elif q < 0.8:
        limb(
            sketch,
            0.0,
            -0.7 * b,
            -0.55 * c,
            0.0,
            -between(dice, 0.8, 1.3) * b,
            -between(dice, 1.0, 2.2) * c,
            between(dice, 0.35, 0.6) * a,
            0.08 * a,
            HAIR,
        )
    else:  # moustache
        mirrored(sketch, limb(sketch, 0.05 * a, -1.0 * b, -0.3 * c, 0.5 * a, -0.9 * b, -between(dice, 0.2, 0.7) * c, 0.14 * a, 0.05 * a, HAIR), 0.0)


@njit(cache=True)
def hair(sketch: Sketch, a: float, b: float, c: float) -> None:
    """A cap over crown and back that leaves the face free; perhaps a fringe, a bun, a ponytail, braids or long hair."""
    dice = sketch.dice
    grow = between(dice, 1.06, 1.2)
    back, up = between(dice, 0.45, 1.0), between(dice, 0.3, 1.0)
    dome(sketch, 0.0, 0.02 * b, 0.04 * c, 0.0, back, up, grow * a, grow * c, grow * b, between(dice, -0.5, -0.05), HAIR)
    if chance(dice, 0.35):  # fringe
        ellipsoid(sketch, between(dice, -0.3, 0.3) * a, -0.6 * b, 0.72 * c, 0.7 * a, 0.45 * b, 0.3 * c, HAIR)
    q = uniform(dice)
    if q < 0.16:  # ponytail
        x, z = 0.25 * a * normal(dice), between(dice, 0.1, 0.8) * c
        limb(
            sketch,
            0.0,
            0.95 * b,
            z,
            x,
            between(dice, 1.3, 2.0) * b,
            z - between(dice, 0.8, 2.2) * c,
            between(dice, 0.25, 0.4) * a,
            between(dice, 0.05, 0.25) * a,
            HAIR,
        )
    elif q < 0.28:  # bun, or two
        s = between(dice, 0.28, 0.5)
        bun = ellipsoid(sketch, between(dice, 0.5, 0.9) * a, 0.3 * b, 0.85 * c, s * a, s * a, s * a, HAIR)
        if chance(dice, 0.5):
            sketch.rows[bun, at.CENTER] = 0.0
        else:
            mirrored(sketch, bun, 0.0)
    elif q < 0.4:  # braids, pigtails
        drop = between(dice, 0.7, 2.0)
        x, y = between(dice, 0.9, 1.6) * a, between(dice, -0.3, 0.5) * b
        mirrored(sketch, limb(sketch, 0.95 * a, 0.15 * b, 0.1 * c, x, y, -drop * c, 0.28 * a, 0.12 * a, HAIR), 0.0)
    elif q < 0.62:  # long
        drop = between(dice, 0.5, 1.6)
        ellipsoid(sketch, 0.0, 0.5 * b, -0.5 * drop * c, between(dice, 0.8, 1.1) * a, 0.55 * b, (0.5 * drop + 0.5) * c, HAIR)
    elif q < 0.74:  # spikes
        for _ in range(3 + choice(dice, 2)):
            x, y = between(dice, -0.6, 0.6), between(dice, -0.4, 0.9)
            limb(sketch, x * a, y * b, 0.75 * c, x * 1.8 * a, y * 1.8 * b, between(dice, 1.1, 1.6) * c, 0.35 * a, 0.03 * a, HAIR)


@njit(cache=True)
def closed_helmet(sketch: Sketch, a: float, b: float, c: float) -> None:
    """All round the head, with a dark slot in front, perhaps a crest or a plume."""
    dice = sketch.dice
    material = METAL if chance(dice, 0.8) else CLOTH
    if chance(dice, 0.7):
        row = hard(sketch, ellipsoid(sketch, 0.0, 0.0, 0.0, 1.15 * a, 1.15 * b, 1.15 * c, material))
    else:
        row = hard(sketch, add(sketch, at.CYLINDER, 0.0, 0.0, 0.0, IDENTITY, 1.1 * a, 0.0, 1.1 * c, 0.25 * a, material))
    q = sketch.rows[row]
    q[at.PATTERN] = at.SLOT
    q[at.PHASE] = between(dice, -0.05, 0.2)
    q[at.FREQUENCY] = 1.0 if chance(dice, 0.5) else 0.0
    for i in range(3):
        q[at.SECOND + i] = sketch.palette[DARK, i]
    if chance(dice, 0.4):
        glow = ACCENT if chance(dice, 0.5) else WHITE
        mirrored(sketch, detail(sketch, 0.35 * a, -1.08 * b, (q[at.PHASE] + 0.02) * c, 0.1 * a, 0.1 * b, 0.07 * c, glow), 0.0)
    crest(sketch, a, b, c)


@njit(cache=True)
def open_helmet(sketch: Sketch, a: float, b: float, c: float) -> None:
    """A shell over crown and back, perhaps with cheeks, rim, nose guard, crest."""
    dice = sketch.dice
    material = METAL if chance(dice, 0.75) else LEATHER
    dome(sketch, 0.0, 0.0, 0.0, 0.0, between(dice, 0.1, 1.0), 1.0, 1.16 * a, 1.16 * b, 1.16 * c, between(dice, -0.35, 0.2), material)
    if chance(dice, 0.4):
        mirrored(sketch, hard(sketch, ellipsoid(sketch, 0.85 * a, -0.15 * b, -0.3 * c, 0.3 * a, 0.6 * b, 0.6 * c, material)), 0.0)
    if chance(dice, 0.35):
        box(sketch, 0.0, -1.08 * b, 0.15 * c, 0.09 * a, 0.08 * b, 0.4 * c, 0.3, material)
    if chance(dice, 0.35):
        hard(sketch, add(sketch, at.TORUS, 0.0, 0.0, 0.3 * c, IDENTITY, 1.08 * a, 0.1 * a, 0.0, 0.0, ACCENT if chance(dice, 0.5) else material))
    crest(sketch, a, b, c)


@njit(cache=True)
def crest(sketch: Sketch, a: float, b: float, c: float) -> None:
    dice = sketch.dice
    q = uniform(dice)
    if q < 0.2:  # a comb from front to back
        hard(sketch, ellipsoid(sketch, 0.0, 0.2 * b, 0.9 * c, 0.1 * a, between(dice, 0.6, 1.1) * b, between(dice, 0.4, 0.8) * c, ACCENT))
    elif q < 0.4:  # plume
        limb(sketch, 0.0, 0.2 * b, 1.1 * c, 0.0, between(dice, 0.8, 1.6) * b, between(dice, 0.9, 1.7) * c, 0.12 * a, 0.3 * a, ACCENT)
    elif q < 0.6:
        horns(sketch, a, c)


@njit(cache=True)
def horns(sketch: Sketch, a: float, c: float) -> None:
    dice = sketch.dice
    out, up = between(dice, 0.2, 0.9), between(dice, 0.0, 0.6)
    x, z = 0.9 * a, 0.55 * c
    row = limb(sketch, x, 0.0, z, x + out * a, 0.0, z + up * c, 0.22 * a, 0.15 * a, WHITE)
    tip = limb(sketch, x + out * a, 0.0, z + up * c, x + 1.2 * out * a, -0.1 * a, z + (up + between(dice, 0.3, 0.8)) * c, 0.15 * a, 0.03 * a, WHITE)
    mirrored(sketch, row, 0.0)
    mirrored(sketch, tip, 0.0)


@njit(cache=True)
def hood(sketch: Sketch, a: float, b: float, c: float) -> None:
    """Cloth about the head, open in front; perhaps with a point at the back."""
    dice = sketch.dice
    material = CLOTH if chance(dice, 0.7) else ACCENT
    grow = between(dice, 1.15, 1.35)
    dome(sketch, 0.0, 0.05 * b, 0.02 * c, 0.0, 1.0, between(dice, 0.0, 0.6), grow * a, grow * c, grow * b, between(dice, -0.6, -0.3), material)
    if chance(dice, 0.5):
        limb(sketch, 0.0, 0.7 * b, 0.7 * c, 0.0, between(dice, 1.2, 2.0) * b, between(dice, 0.2, 1.2) * c, 0.6 * a, 0.08 * a, material)
    if chance(dice, 0.6):
        ellipsoid(sketch, 0.0, 0.1 * b, -0.95 * c, 1.05 * a, 0.95 * b, 0.4 * c, material)


@njit(cache=True)
def hat(sketch: Sketch, a: float, b: float, c: float) -> None:
    """A crown (pointed, flat, bent or round) over a brim that may be very wide, with a band."""
    dice = sketch.dice
    material = (CLOTH, ACCENT, LEATHER, CLOTH)[choice(dice, 4)]
    base = between(dice, 0.3, 0.65) * c
    tilt = turn(0.12 * normal(dice), 0.08 * normal(dice), 0.0)
    r = between(dice, 0.85, 1.1) * a
    q = uniform(dice)
    if q < 0.55:  # pointed, as wizards wear, the tip perhaps bent
        tall = between(dice, 0.5, 1.0) * c
        top = r * between(dice, 0.3, 0.6)
        row = hard(sketch, add(sketch, at.FRUSTUM, 0.0, 0.05 * b, base + tall * 0.95, tilt, r, top, tall, 0.0, material))
        limb(
            sketch,
            0.0,
            0.05 * b,
            base + tall * 1.8,
            0.5 * a * normal(dice),
            between(dice, -0.2, 0.9) * b,
            base + tall * between(dice, 2.0, 3.2),
            top * 0.95,
            0.05 * a,
            material,
        )
    elif q < 0.8:
        tall = between(dice, 0.2, 0.6) * c
        row = hard(sketch, add(sketch, at.FRUSTUM, 0.0, 0.0, base + tall, tilt, r, r * between(dice, 0.6, 1.15), tall, 0.0, material))
    else:
        row = dome(sketch, 0.0, 0.0, base - 0.3 * c, 0.0, 0.1, 1.0, 1.1 * a, 1.1 * b, between(dice, 0.9, 1.3) * c, 0.25, material)
    if chance(dice, 0.5) and q < 0.8:
        band(sketch, row, -0.5, between(dice, 0.1, 0.25), ACCENT if material != ACCENT else LEATHER)
    if chance(dice, 0.85):
        wide = a * between(dice, 1.2, 2.6)
        if chance(dice, 0.5):
            hard(sketch, add(sketch, at.FRUSTUM, 0.0, 0.0, base, tilt, wide, r, between(dice, 0.04, 0.2) * c, 0.0, material))
        else:
            hard(sketch, add(sketch, at.CYLINDER, 0.0, 0.0, base, tilt, wide, 0.0, between(dice, 0.04, 0.09) * c, 0.03 * c, material))


@njit(cache=True)
def beast_cap(sketch: Sketch, a: float, b: float, c: float) -> None:
    """An animal's head worn as a cap: ears, dark eyes and a snout above the face."""
    dice = sketch.dice
    material = HAIR if chance(dice, 0.6) else LEATHER
    dome(sketch, 0.0, 0.03 * b, 0.1 * c, 0.0, between(dice, 0.3, 0.9), 1.0, 1.2 * a, 1.2 * b, 1.2 * c, between(dice, -0.3, 0.05), material)
    e = between(dice, 0.2, 0.4)
    ear = hard(sketch, ellipsoid(sketch, 0.8 * a, 0.1 * b, 1.05 * c, e * a, 0.5 * e * b, e * c * between(dice, 1.0, 2.0), material))
    split(sketch, ear, 0.0, -1.0, 0.0, 0.2, 30.0, ACCENT)
    mirrored(sketch, ear, 0.0)
    hard(sketch, ellipsoid(sketch, 0.0, -1.0 * b, 0.62 * c, 0.4 * a, 0.4 * b, 0.28 * c, material))
    detail(sketch, 0.0, -1.38 * b, 0.68 * c, 0.14 * a, 0.1 * b, 0.1 * c, DARK)
    mirrored(sketch, detail(sketch, 0.42 * a, -0.95 * b, 0.85 * c, 0.11 * a, 0.11 * b, 0.11 * c, DARK), 0.0)
