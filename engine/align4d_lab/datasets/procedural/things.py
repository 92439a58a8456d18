"""Things: furniture, vehicles, trees, vessels, aircraft and fish, houses, robots."""

from __future__ import annotations

from align4d.kernels import njit

from . import layout as at
from .dice import between, chance, choice, normal
from .heads import head
from .palette import ACCENT, CLOTH, DARK, HAIR, LEATHER, METAL, SKIN, TROUSERS, WHITE
from .rotations import IDENTITY, along, turn
from .solids import Sketch, add, box, count, detail, ellipsoid, hard, limb, mirrored, shift


@njit(cache=True)
def thing(sketch: Sketch) -> None:
    kind = choice(sketch.dice, 7)
    if kind == 0:
        furniture(sketch)
    elif kind == 1:
        car(sketch)
    elif kind == 2:
        tree(sketch)
    elif kind == 3:
        vessel(sketch)
    elif kind == 4:
        flyer(sketch)
    elif kind == 5:
        house(sketch)
    else:
        robot(sketch)


@njit(cache=True)
def furniture(sketch: Sketch) -> None:
    """A table or a chair with things upon it."""
    dice = sketch.dice
    w, d, h = between(dice, 0.25, 0.5), between(dice, 0.2, 0.5), between(dice, 0.15, 0.5)
    thick, r = between(dice, 0.015, 0.06), between(dice, 0.015, 0.05)
    box(sketch, 0.0, 0.0, h, w, d, thick, 0.2, LEATHER)
    for i in range(4):
        box(sketch, (w - r) * (2.0 * (i & 1) - 1.0), (d - r) * ((i & 2) - 1.0), 0.0, r, r, h, 0.3, LEATHER if chance(dice, 0.7) else METAL)
    if chance(dice, 0.6):
        box(sketch, 0.0, d - thick, h + 0.3, w, thick, between(dice, 0.15, 0.4), 0.2, CLOTH)
    for _ in range(choice(dice, 4)):
        s = between(dice, 0.05, 0.15)
        detail(sketch, between(dice, -0.6, 0.6) * w, between(dice, -0.6, 0.6) * d, h + s, s, s, s * between(dice, 0.6, 1.5), choice(dice, DARK))


@njit(cache=True)
def car(sketch: Sketch) -> None:
    dice = sketch.dice
    long, w, h, wheel = between(dice, 0.4, 0.6), between(dice, 0.17, 0.28), between(dice, 0.08, 0.16), between(dice, 0.07, 0.14)
    box(sketch, 0.0, 0.0, 0.0, w, long, h, between(dice, 0.1, 0.8), CLOTH)
    box(
        sketch,
        0.0,
        between(dice, -0.1, 0.25),
        h + 0.09,
        w * 0.85,
        long * between(dice, 0.3, 0.7),
        between(dice, 0.07, 0.14),
        between(dice, 0.1, 0.8),
        CLOTH if chance(dice, 0.5) else ACCENT,
    )
    for i in range(4):
        hard(
            sketch,
            add(
                sketch,
                at.CYLINDER,
                w * (2.0 * (i & 1) - 1.0),
                0.62 * long * ((i & 2) - 1.0),
                -h,
                along(1.0, 0.0, 0.0),
                wheel,
                0.0,
                0.04,
                0.01,
                DARK,
            ),
        )
    if chance(dice, 0.8):
        mirrored(sketch, detail(sketch, 0.6 * w, -long, 0.0, 0.045, 0.03, 0.045, WHITE), 0.0)
    if chance(dice, 0.4):
        box(sketch, 0.0, -long, -0.5 * h, w * 0.7, 0.03, 0.03, 0.5, METAL)
    if chance(dice, 0.3):
        box(sketch, 0.0, long * 0.6, h + between(dice, 0.05, 0.2), w * 0.8, long * 0.3, between(dice, 0.05, 0.15), 0.2, choice(dice, DARK))


@njit(cache=True)
def tree(sketch: Sketch) -> None:
    dice = sketch.dice
    h = between(dice, 0.2, 0.5)
    limb(sketch, 0.0, 0.0, -h, 0.1 * normal(dice), 0.0, 0.4 * h, between(dice, 0.03, 0.1), between(dice, 0.02, 0.08), LEATHER)
    for _ in range(1 + choice(dice, 7)):
        s, z = between(dice, 0.1, 0.3), 0.4 * h + between(dice, -0.1, 0.4)
        x, y = 0.15 * normal(dice), 0.15 * normal(dice)
        if chance(dice, 0.6):
            ellipsoid(sketch, x, y, z, s, s, s * between(dice, 0.6, 1.0), CLOTH)
        else:
            add(sketch, at.FRUSTUM, 0.2 * x, 0.2 * y, z, IDENTITY, s, 0.05 * s, s * between(dice, 0.5, 1.0), 0.0, CLOTH)
    for _ in range(choice(dice, 4)):
        detail(sketch, 0.2 * normal(dice), 0.2 * normal(dice), 0.4 * h + between(dice, 0.0, 0.4), 0.05, 0.05, 0.05, ACCENT)


@njit(cache=True)
def vessel(sketch: Sketch) -> None:
    """Turned on a lathe: cups, lamps, towers, bottles; perhaps with a handle."""
    dice = sketch.dice
    z, r = 0.0, between(dice, 0.1, 0.3)
    for _ in range(2 + choice(dice, 5)):
        half, above = between(dice, 0.04, 0.2), min(max(r * between(dice, 0.5, 1.6), 0.03), 0.4)
        add(sketch, at.FRUSTUM, 0.0, 0.0, z + half, IDENTITY, r, above, half, 0.0, choice(dice, HAIR))
        z += 2.0 * half
        r = above
        if chance(dice, 0.2):
            hard(sketch, add(sketch, at.TORUS, 0.0, 0.0, z, IDENTITY, r, between(dice, 0.02, 0.06), 0.0, 0.0, choice(dice, DARK)))
    if chance(dice, 0.4):
        ellipsoid(sketch, 0.0, 0.0, z, 1.1 * r, 1.1 * r, r, choice(dice, DARK))
    if chance(dice, 0.4):
        hard(sketch, add(sketch, at.TORUS, r + 0.08, 0.0, 0.5 * z, along(0.0, 1.0, 0.0), 0.12, 0.03, 0.0, 0.0, choice(dice, DARK)))


@njit(cache=True)
def flyer(sketch: Sketch) -> None:
    """An aircraft, a rocket or a fish."""
    dice = sketch.dice
    long, r = between(dice, 0.3, 0.5), between(dice, 0.06, 0.16)
    limb(sketch, 0.0, -long, 0.0, 0.0, long, 0.03, r, r * between(dice, 0.3, 0.9), CLOTH)
    span = between(dice, 0.2, 0.5)
    wing = add(
        sketch,
        at.ELLIPSOID if chance(dice, 0.5) else at.BOX,
        0.6 * span,
        between(dice, -0.1, 0.15),
        0.02,
        turn(0.0, 0.15 * normal(dice), 0.25 * normal(dice)),
        0.6 * span,
        between(dice, 0.06, 0.15),
        between(dice, 0.015, 0.04),
        0.008,
        ACCENT,
    )
    mirrored(sketch, wing, 0.0)
    if chance(dice, 0.7):
        mirrored(sketch, box(sketch, 0.1, 0.9 * long, 0.03, 0.12, 0.05, 0.015, 0.2, TROUSERS), 0.0)
    if chance(dice, 0.7):
        box(sketch, 0.0, 0.9 * long, 0.1, 0.015, 0.06, 0.1, 0.2, TROUSERS)
    if chance(dice, 0.5):
        mirrored(sketch, detail(sketch, 0.8 * r, -long - 0.3 * r, 0.3 * r, 0.25 * r, 0.25 * r, 0.25 * r, DARK), 0.0)
    else:
        detail(sketch, 0.0, -0.6 * long, 0.8 * r, 0.6 * r, 1.2 * r, 0.6 * r, METAL)
    if chance(dice, 0.3):
        hard(sketch, add(sketch, at.CYLINDER, 0.0, -long - r, 0.0, along(0.0, 1.0, 0.0), 0.8 * r, 0.0, 0.01, 0.005, DARK))


@njit(cache=True)
def house(sketch: Sketch) -> None:
    dice = sketch.dice
    w, d, h = between(dice, 0.2, 0.4), between(dice, 0.2, 0.4), between(dice, 0.15, 0.35)
    box(sketch, 0.0, 0.0, 0.0, w, d, h, 0.05, CLOTH)
    quarter = turn(0.0, 0.785398, 0.0)
    hard(sketch, add(sketch, at.BOX, 0.0, 0.0, h, quarter, w * 0.72, d * 1.05, w * 0.72, 0.005, ACCENT))
    box(sketch, between(dice, -0.5, 0.5) * w, -d, -0.4 * h, 0.06, 0.02, 0.55 * h, 0.1, LEATHER)
    for _ in range(choice(dice, 5)):
        box(
            sketch,
            between(dice, -0.7, 0.7) * w,
            d if chance(dice, 0.5) else -d,
            between(dice, 0.0, 0.6) * h,
            0.05,
            0.015,
            0.05,
            0.1,
            WHITE if chance(dice, 0.5) else DARK,
        )
    if chance(dice, 0.5):
        box(sketch, 0.5 * w, between(dice, -0.5, 0.5) * d, h + 0.6 * w, 0.05, 0.05, 0.15, 0.1, METAL)


@njit(cache=True)
def robot(sketch: Sketch) -> None:
    dice = sketch.dice
    w, h = between(dice, 0.12, 0.25), between(dice, 0.12, 0.3)
    box(sketch, 0.0, 0.0, 0.0, w, w * between(dice, 0.6, 1.0), h, between(dice, 0.1, 0.6), METAL)
    first = count(sketch) + 1
    head(sketch, w * between(dice, 0.6, 1.1))
    shift(sketch, first, 0.0, 0.0, h + w * between(dice, 0.6, 1.0))
    for s in (-1.0, 1.0):
        limb(sketch, s * w, 0.0, 0.7 * h, 1.8 * s * w, 0.15 * normal(dice), h * between(dice, -1.0, 1.8), 0.25 * w, 0.2 * w, TROUSERS)
        limb(sketch, 0.5 * s * w, 0.0, -h, between(dice, 0.5, 0.9) * s * w, 0.1 * normal(dice), -h - between(dice, 0.1, 0.3), 0.3 * w, 0.35 * w, SKIN)
    for _ in range(choice(dice, 5)):
        detail(sketch, between(dice, -0.6, 0.6) * w, -0.9 * w, between(dice, -0.6, 0.6) * h, 0.03, 0.03, 0.03, ACCENT)
