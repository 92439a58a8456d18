"""What characters carry: weapons, shields, capes, packs, quivers."""

from __future__ import annotations

from align4d.kernels import njit

from . import layout as at
from .dice import between, chance, choice, normal, side, uniform
from .palette import ACCENT, CLOTH, HAIR, LEATHER, METAL, TROUSERS
from .rotations import IDENTITY, along
from .solids import Sketch, add, box, dome, ellipsoid, hard, limb, split


@njit(cache=True)
def held(sketch: Sketch, x: float, y: float, z: float, dx: float, dy: float, dz: float) -> None:
    """A sword, axe, staff or torch in a hand at (x, y, z), pointing along the unit vector d."""
    dice = sketch.dice
    axes = along(dx, dy, dz)
    length = between(dice, 0.15, 0.42)
    thin = between(dice, 0.014, 0.032)
    q = uniform(dice)
    if q < 0.42:  # sword, dagger
        broad = between(dice, 1.2, 2.6) * thin
        hard(sketch, add(sketch, at.BOX, x + dx * length, y + dy * length, z + dz * length, axes, 0.5 * thin, broad, length, 0.3 * thin, METAL))
        hard(
            sketch,
            add(
                sketch,
                at.BOX,
                x + dx * 0.06,
                y + dy * 0.06,
                z + dz * 0.06,
                axes,
                1.2 * thin,
                broad + between(dice, 0.01, 0.06),
                thin,
                0.3 * thin,
                ACCENT,
            ),
        )
        return
    below = between(dice, 0.2, 0.9) * length
    hard(sketch, limb(sketch, x - dx * below, y - dy * below, z - dz * below, x + dx * length, y + dy * length, z + dz * length, thin, thin, LEATHER))
    hx, hy, hz = x + dx * length, y + dy * length, z + dz * length
    if q < 0.7:  # axe, hammer: the head on one side or both
        one_sided = chance(dice, 0.5)
        broad = between(dice, 0.04, 0.1)
        off = broad if one_sided else 0.0
        hard(
            sketch,
            add(
                sketch,
                at.BOX,
                hx + axes[3] * off,
                hy + axes[4] * off,
                hz + axes[5] * off,
                axes,
                between(dice, 0.01, 0.04),
                broad * between(dice, 0.8, 1.3),
                between(dice, 0.03, 0.09),
                0.006,
                METAL,
            ),
        )
    else:  # staff, torch, spear
        s = between(dice, 0.025, 0.07)
        hard(sketch, add(sketch, at.ELLIPSOID, hx, hy, hz, axes, s, s, s * between(dice, 1.0, 2.5), 0.0, ACCENT if chance(dice, 0.7) else METAL))


@njit(cache=True)
def shield(sketch: Sketch, x: float, y: float, z: float, s: float) -> None:
    """At a forearm, facing out to its side and to the front; round or long, with a boss."""
    dice = sketch.dice
    nx, ny, nz = s * between(dice, 0.2, 1.0), -between(dice, 0.1, 1.0), 0.15 * normal(dice)
    axes = along(nx, ny, nz)
    nx, ny, nz = axes[6], axes[7], axes[8]
    r, thick = between(dice, 0.1, 0.22), between(dice, 0.012, 0.03)
    x, y, z = x + nx * 0.06, y + ny * 0.06, z + nz * 0.06
    material = (METAL, LEATHER, ACCENT)[choice(dice, 3)]
    if chance(dice, 0.55):
        row = hard(sketch, add(sketch, at.CYLINDER, x, y, z, axes, r, 0.0, thick, 0.4 * thick, material))
    else:
        row = hard(sketch, add(sketch, at.BOX, x, y, z, axes, r * 0.75, r * between(dice, 0.9, 1.4), thick, 0.6 * thick, material))
    if chance(dice, 0.35):
        split(sketch, row, axes[0], axes[1], axes[2], 0.0, 60.0, CLOTH)
    if chance(dice, 0.5):
        b = between(dice, 0.2, 0.4) * r
        hard(
            sketch,
            add(
                sketch,
                at.ELLIPSOID,
                x + nx * thick,
                y + ny * thick,
                z + nz * thick,
                axes,
                b,
                b,
                0.03,
                0.0,
                METAL if material != METAL else ACCENT,
            ),
        )


@njit(cache=True)
def back_gear(sketch: Sketch, w: float, d: float, h: float) -> None:
    """A cape or cloak, a pack, a quiver, a weapon or wings on the back (+y); often nothing."""
    dice = sketch.dice
    q = uniform(dice)
    material = (CLOTH, ACCENT, TROUSERS, HAIR)[choice(dice, 4)]
    if q < 0.13:  # a flat cape that swings backwards
        drop = h * between(dice, 1.0, 2.4)
        swing = between(dice, 0.05, 0.7)
        first = hard(sketch, add(sketch, at.BOX, 0.0, 1.1 * d, 1.9 * h - drop, IDENTITY, w * between(dice, 0.85, 1.3), 0.02, drop, 0.015, material))
        pivot_and_swing(sketch, first, 1.15 * d, 1.9 * h, swing)
    elif q < 0.27:  # a cloak that wraps the back
        drop = h * between(dice, 1.6, 3.4)
        row = dome(
            sketch,
            0.0,
            0.0,
            2.1 * h - 0.5 * drop,
            0.0,
            1.0,
            0.0,
            w * between(dice, 1.15, 1.6),
            0.6 * drop,
            d * between(dice, 1.3, 2.2),
            between(dice, 0.0, 0.3),
            material,
        )
        if chance(dice, 0.3):
            split(sketch, row, 0.0, 0.0, -1.0, 0.5, 40.0, ACCENT)
    elif q < 0.36:
        box(
            sketch,
            0.0,
            1.25 * d,
            1.1 * h,
            w * between(dice, 0.6, 1.0),
            d * between(dice, 0.3, 0.6),
            h * between(dice, 0.5, 0.9),
            between(dice, 0.2, 0.9),
            LEATHER,
        )
    elif q < 0.43:  # quiver with arrows
        s = side(dice)
        hard(sketch, limb(sketch, -0.5 * s * w, 1.2 * d, 0.5 * h, 0.5 * s * w, 1.2 * d, 2.2 * h, 0.2 * w, 0.26 * w, LEATHER))
        hard(sketch, limb(sketch, 0.5 * s * w, 1.2 * d, 2.2 * h, 0.65 * s * w, 1.2 * d, 2.6 * h, 0.14 * w, 0.2 * w, ACCENT))
    elif q < 0.48:  # a blade
        s = side(dice)
        axes = along(0.6 * s, 0.0, 1.0)
        hard(sketch, add(sketch, at.BOX, 0.0, 1.25 * d, h, axes, 0.16 * w, 0.02, 1.7 * h, 0.008, METAL))
        hard(
            sketch,
            limb(
                sketch,
                axes[6] * 1.6 * h,
                1.25 * d,
                h + axes[8] * 1.6 * h,
                axes[6] * 2.2 * h,
                1.25 * d,
                h + axes[8] * 2.2 * h,
                0.07 * w,
                0.07 * w,
                LEATHER,
            ),
        )
    elif q < 0.52:  # wings
        out, up = between(dice, 0.5, 1.2), between(dice, -0.3, 1.0)
        for s in (-1.0, 1.0):
            hard(
                sketch,
                add(
                    sketch,
                    at.ELLIPSOID,
                    s * (0.5 * w + 0.14),
                    1.25 * d,
                    1.5 * h + 0.1 * up,
                    along(s * out, 0.25, up),
                    0.02,
                    between(dice, 0.06, 0.12),
                    between(dice, 0.15, 0.28),
                    0.0,
                    material,
                ),
            )
    elif q < 0.55:  # a tail
        limb(
            sketch,
            0.0,
            0.9 * d,
            0.1 * h,
            0.2 * w * normal(dice),
            d + h * between(dice, 0.6, 2.0),
            between(dice, -1.0, 1.0) * h,
            0.25 * w,
            0.08 * w,
            HAIR,
        )
    elif q < 0.57:
        ellipsoid(sketch, 0.0, 1.2 * d, 1.0 * h, 0.95 * w, 0.5 * d, 1.0 * h, material)  # a shell, a roll of fur


@njit(cache=True)
def pivot_and_swing(sketch: Sketch, row: int, y: float, z: float, swing: float) -> None:
    """Turns a hanging plate about its upper edge at (y, z), its lower end to the back."""
    q = sketch.rows[row]
    half = q[at.SIZE + 2]
    axes = along(0.0, -swing, 1.0)
    for i in range(9):
        q[at.ROTATION + i] = axes[i]
    q[at.CENTER + 1] = y - axes[7] * half
    q[at.CENTER + 2] = z - axes[8] * half
