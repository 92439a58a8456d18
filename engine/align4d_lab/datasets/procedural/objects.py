"""One object from one seed, and many of them in parallel."""

from __future__ import annotations

import math

import numpy as np

from align4d.kernels import njit

from . import layout as at
from .animals import quadruped
from .birds import bird
from .bounds import normalize
from .clusters import cluster
from .dice import Dice, between, chance, direction, new_dice, normal, uniform
from .humanoid import humanoid
from .palette import PAINTS, animal_palette, character_palette, free_palette, patterns
from .rotations import turn
from .solids import PAINT_FLOATS, Sketch, move
from .things import thing
from .threads import in_threads

HELD_OUT_SEED = 1 << 31
"""Objects from this seed on are for evaluation; training stays below."""

THREAD_OBJECTS = 64
"""Objects that are made in about the time that it takes to start a thread and hand it work (12 microseconds each)."""

HUMANOIDS, QUADRUPEDS, BIRDS, CLUSTERS = 0.39, 0.24, 0.04, 0.14
"""Shares of the kinds; the rest are things."""


@njit(cache=True)
def light(dice: Dice, rows: np.ndarray) -> None:
    """Mostly a bright, soft studio; sometimes flat, sometimes hard."""
    h = rows[0]
    x, y, z = direction(dice)
    z = abs(z) * 0.8 + 0.25
    y -= 0.35  # more often from the front
    scale = 1.0 / math.sqrt(x * x + y * y + z * z)
    h[at.LIGHT], h[at.LIGHT + 1], h[at.LIGHT + 2] = x * scale, y * scale, z * scale
    mood = uniform(dice)
    if mood < 0.2:  # flat
        h[at.AMBIENT], h[at.DIFFUSE] = between(dice, 0.85, 1.1), 0.0
    elif mood < 0.75:  # studio
        h[at.AMBIENT], h[at.DIFFUSE] = between(dice, 0.6, 0.9), between(dice, 0.15, 0.5)
        h[at.WRAP] = between(dice, 0.2, 1.0)
        h[at.SHADOW] = between(dice, 0.2, 0.7) if chance(dice, 0.3) else 0.0
    else:
        h[at.AMBIENT], h[at.DIFFUSE] = between(dice, 0.4, 0.8), between(dice, 0.3, 0.95)
        h[at.SHADOW] = between(dice, 0.6, 1.0) if chance(dice, 0.6) else 0.0
    h[at.OCCLUSION] = between(dice, 0.2, 0.9) if chance(dice, 0.65) else 0.0
    h[at.HEMISPHERE] = between(dice, 0.0, 0.45)
    h[at.COLOR_BLEND] = between(dice, 0.004, 0.025) if chance(dice, 0.3) else 0.001
    h[at.SPECULAR] = between(dice, 0.05, 0.35) if chance(dice, 0.2) else 0.0
    h[at.MOTTLE] = between(dice, 0.02, 0.2) if chance(dice, 0.3) else 0.0
    h[at.FACETS] = between(dice, 1.5, 4.0) if chance(dice, 0.2) else 0.0


@njit(cache=True)
def make_object(seed: int, rows: np.ndarray) -> None:
    """Writes the object (ROWS + 1, ROW_FLOATS) of a seed; the last row is scratch."""
    rows[:] = 0.0
    dice = new_dice(seed)
    sketch = Sketch(rows, np.zeros((PAINTS, PAINT_FLOATS), np.float32), dice)
    plain = chance(dice, 0.5)
    rows[0, at.MELT] = 0.0 if chance(dice, 0.3) else between(dice, 0.005, 0.05)
    kind = uniform(dice)
    if kind < HUMANOIDS:
        character_palette(dice, sketch.palette)
        patterns(dice, sketch.palette, 0.0 if plain else 0.25)
        humanoid(sketch)
    elif kind < HUMANOIDS + QUADRUPEDS + BIRDS:
        animal_palette(dice, sketch.palette)
        patterns(dice, sketch.palette, 0.0 if plain else 0.3)
        if kind < HUMANOIDS + QUADRUPEDS:
            quadruped(sketch)
        else:
            bird(sketch)
    else:
        free_palette(dice, sketch.palette)
        patterns(dice, sketch.palette, 0.0 if plain else 0.5)
        if kind < HUMANOIDS + QUADRUPEDS + BIRDS + CLUSTERS:
            cluster(sketch)
        else:
            thing(sketch)
    if chance(dice, 0.2):  # not every object stands upright
        move(sketch, 1, turn(0.2 * normal(dice), 0.15 * normal(dice), 0.3 * normal(dice)), 0.0, 0.0, 0.0)
    normalize(rows)
    light(dice, rows)


@njit(cache=True, nogil=True)
def _fill(first_seed: int, objects: np.ndarray) -> None:
    rows = np.empty((at.ROWS + 1, at.ROW_FLOATS), np.float32)
    for i in range(objects.shape[0]):
        make_object(first_seed + i, rows)
        objects[i] = rows[: at.ROWS]


def make_objects(first_seed: int, count: int) -> np.ndarray:
    """(count, OBJECT_FLOATS) float32: the objects of the seeds first_seed … first_seed + count - 1; releases the GIL.

    Seeds from HELD_OUT_SEED on are kept for evaluation. The same seed gives the same object (up to the last bits of the math library).
    """
    objects = np.empty((count, at.ROWS, at.ROW_FLOATS), np.float32)
    in_threads(lambda first, after: _fill(first_seed + first, objects[first:after]), count, THREAD_OBJECTS)
    return objects.reshape(count, at.OBJECT_FLOATS)
