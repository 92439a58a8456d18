"""Animals on four legs: foxes, wolves, cats, bears, horses, deer, cows, lizards and what lies between them."""

from __future__ import annotations

import math

from align4d.kernels import njit

from . import layout as at
from .dice import between, chance, normal, side, uniform
from .limbs import segment
from .palette import ACCENT, BELLY, DARK, FUR, HORN, MANE, MARK, SOCKS, WHITE
from .rotations import along, turn
from .solids import Sketch, add, count, detail, ellipsoid, hard, limb, mirrored, move, shift, split
from .species import BEAR, CANINE, CHIMERA, COW, FELINE, HOOFED, REPTILE, Frame, frame


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
