"""Kinds of animals on four legs, and the proportions of one of them."""

from __future__ import annotations

from typing import NamedTuple

from align4d.kernels import njit

from .dice import between
from .solids import Sketch

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
