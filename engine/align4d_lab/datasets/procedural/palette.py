"""The colors of an object: few that go together, as on a game's character, or any."""

from __future__ import annotations

import math

import numpy as np

from align4d.kernels import njit

from . import layout as at
from .dice import Dice, between, chance, choice, direction, normal, uniform
from .solids import PAINT_FLOATS

SKIN, CLOTH, TROUSERS, LEATHER, METAL, HAIR, ACCENT, DARK, WHITE = np.arange(9)
"""Paints of a character. No Python integers: numba compiles a function anew for every literal one that it is called with."""
FUR, BELLY, SOCKS, MARK, HORN, MANE = np.arange(6)
"""Paints of an animal, at the same places; ACCENT, DARK and WHITE are shared."""
PAINTS = 9


@njit(cache=True)
def set_color(palette: np.ndarray, paint: int, hue: float, saturation: float, value: float) -> None:
    """HSV, display-encoded, to linear."""
    hue = hue - math.floor(hue)
    saturation = min(max(saturation, 0.0), 1.0)
    value = min(max(value, 0.02), 1.0)
    for i in range(3):
        k = ((5.0, 3.0, 1.0)[i] + hue * 6.0) % 6.0
        x = value - value * saturation * max(min(k, 4.0 - k, 1.0), 0.0)
        palette[paint, i] = x**2.2


@njit(cache=True)
def any_color(dice: Dice, palette: np.ndarray, paint: int) -> None:
    q = uniform(dice)
    if q < 0.18:
        set_color(palette, paint, 0.0, 0.0, between(dice, 0.05, 1.0))
    elif q < 0.42:
        set_color(palette, paint, between(dice, 0.02, 0.12), between(dice, 0.3, 0.9), between(dice, 0.2, 1.0))
    elif q < 0.52:
        set_color(palette, paint, uniform(dice), between(dice, 0.1, 0.4), between(dice, 0.7, 1.0))
    else:
        set_color(palette, paint, uniform(dice), between(dice, 0.3, 1.0), between(dice, 0.15, 1.0))


@njit(cache=True)
def skin(dice: Dice, palette: np.ndarray) -> None:
    if chance(dice, 0.85):
        tone = uniform(dice) ** 1.5
        set_color(palette, SKIN, between(dice, 0.03, 0.09), 0.28 + 0.35 * tone + 0.05 * normal(dice), 1.0 - 0.65 * tone)
    else:  # orcs, robots, ghosts
        any_color(dice, palette, SKIN)


@njit(cache=True)
def hair(dice: Dice, palette: np.ndarray, paint: int) -> None:
    q = uniform(dice)
    if q < 0.25:
        set_color(palette, paint, 0.07, between(dice, 0.0, 0.4), between(dice, 0.06, 0.25))
    elif q < 0.7:
        set_color(palette, paint, between(dice, 0.02, 0.13), between(dice, 0.45, 0.9), between(dice, 0.25, 0.95))
    elif q < 0.85:
        set_color(palette, paint, 0.1, between(dice, 0.0, 0.1), between(dice, 0.5, 1.0))
    else:
        set_color(palette, paint, uniform(dice), between(dice, 0.4, 0.9), between(dice, 0.4, 1.0))


@njit(cache=True)
def clothes(dice: Dice, palette: np.ndarray) -> None:
    """Cloth, trousers, leather, metal and accent: from one hue and its neighbors or opposite; muted, saturated or nearly gray."""
    base = uniform(dice)
    mood = uniform(dice)
    vivid = between(dice, 0.65, 1.0) if mood < 0.3 else (between(dice, 0.0, 0.15) if mood < 0.45 else between(dice, 0.25, 0.65))
    second = base + (0.5 if chance(dice, 0.35) else between(dice, -0.12, 0.12))
    accent = base + (0.5, 0.33, 0.08, 0.6)[choice(dice, 4)]
    set_color(palette, CLOTH, base, vivid, between(dice, 0.25, 1.0))
    set_color(palette, TROUSERS, second, vivid * between(dice, 0.3, 1.0), between(dice, 0.15, 0.9))
    set_color(palette, ACCENT, accent, vivid * between(dice, 0.6, 1.2), between(dice, 0.4, 1.0))
    if chance(dice, 0.7):
        set_color(palette, LEATHER, between(dice, 0.02, 0.1), between(dice, 0.3, 0.75), between(dice, 0.18, 0.65))
    else:
        set_color(palette, LEATHER, second, vivid * 0.5, between(dice, 0.1, 0.5))
    if chance(dice, 0.75):
        set_color(palette, METAL, between(dice, 0.55, 0.65), between(dice, 0.0, 0.15), between(dice, 0.35, 0.85))
    else:
        set_color(palette, METAL, between(dice, 0.09, 0.14), between(dice, 0.4, 0.8), between(dice, 0.6, 0.95))


@njit(cache=True)
def character_palette(dice: Dice, palette: np.ndarray) -> None:
    skin(dice, palette)
    clothes(dice, palette)
    hair(dice, palette, HAIR)
    ends(dice, palette)


@njit(cache=True)
def animal_palette(dice: Dice, palette: np.ndarray) -> None:
    q = uniform(dice)
    hue, saturation, value = between(dice, 0.03, 0.1), between(dice, 0.35, 0.9), between(dice, 0.3, 1.0)
    if q < 0.25:
        saturation, value = between(dice, 0.0, 0.18), between(dice, 0.12, 0.95)
    elif q > 0.85:
        hue = uniform(dice)
    set_color(palette, FUR, hue, saturation, value)
    if chance(dice, 0.6):
        set_color(palette, BELLY, hue + 0.03, saturation * between(dice, 0.0, 0.3), between(dice, 0.85, 1.0))
    else:
        set_color(palette, BELLY, hue + 0.02, saturation * between(dice, 0.4, 1.0), value * between(dice, 0.5, 1.4))
    if chance(dice, 0.5):
        set_color(palette, SOCKS, hue, saturation * 0.6, between(dice, 0.06, 0.3))
    elif chance(dice, 0.4):
        set_color(palette, SOCKS, hue, 0.05, between(dice, 0.8, 1.0))
    else:
        set_color(palette, SOCKS, hue, saturation, value * between(dice, 0.6, 1.0))
    set_color(palette, MARK, hue + 0.03 * normal(dice), saturation * between(dice, 0.2, 1.1), value * between(dice, 0.3, 1.2))
    set_color(palette, HORN, 0.1, between(dice, 0.05, 0.5), between(dice, 0.15, 0.95))
    hair(dice, palette, MANE)
    any_color(dice, palette, ACCENT)
    ends(dice, palette)


@njit(cache=True)
def free_palette(dice: Dice, palette: np.ndarray) -> None:
    """Clothes or any colors, for whatever is neither a character nor an animal."""
    clothes(dice, palette)
    any_color(dice, palette, SKIN)
    hair(dice, palette, HAIR)
    if chance(dice, 0.5):
        for paint in range(DARK):
            any_color(dice, palette, paint)
    ends(dice, palette)


@njit(cache=True)
def ends(dice: Dice, palette: np.ndarray) -> None:
    """Nearly black and nearly white: eyes, tyres, teeth."""
    set_color(palette, DARK, uniform(dice), between(dice, 0.0, 0.3), between(dice, 0.02, 0.2))
    set_color(palette, WHITE, 0.1, between(dice, 0.0, 0.08), between(dice, 0.85, 1.0))


@njit(cache=True)
def patterns(dice: Dice, palette: np.ndarray, share: float) -> None:
    """Gives each paint (but black and white) a pattern with the probability `share`, else none."""
    for paint in range(PAINTS):
        q = palette[paint]
        for i in range(PAINT_FLOATS - 3):
            q[3 + i] = 0.0
        if paint >= DARK or not chance(dice, share):
            continue
        other = choice(dice, PAINTS)
        shade = between(dice, 0.35, 1.6)
        alike = chance(dice, 0.6)
        for i in range(3):
            q[3 + i] = min(q[i] * shade, 1.0) if alike else palette[other, i]
        first = at.COLOR
        kind = (at.STRIPES, at.CHECKS, at.SPOTS, at.NOISE, at.NOISE, at.SPLIT, at.SPLIT)[choice(dice, 7)]
        q[at.PATTERN - first] = kind
        q[at.FREQUENCY - first] = between(dice, 8.0, 45.0)
        q[at.PHASE - first] = between(dice, 0.0, 100.0)
        if kind == at.SPLIT:
            q[at.FREQUENCY - first] = between(dice, 0.6, 1.2) if chance(dice, 0.6) else 40.0
            q[at.PHASE - first] = between(dice, -0.4, 0.4)
        x, y, z = direction(dice)
        axis = choice(dice, 4)
        if axis < 3:
            x, y, z = (1.0 if axis == 0 else 0.0), (1.0 if axis == 1 else 0.0), (1.0 if axis == 2 else 0.0)
        q[at.DIRECTION - first] = x
        q[at.DIRECTION - first + 1] = y
        q[at.DIRECTION - first + 2] = z
