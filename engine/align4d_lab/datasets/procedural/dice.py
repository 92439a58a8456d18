"""The random numbers of one object: SplitMix64 (Steele, Lea and Flood, 2014). The same seed rolls the same numbers everywhere."""

from __future__ import annotations

import math

import numpy as np

from align4d.kernels import njit

Dice = np.ndarray
"""(1,) uint64: the generator's state."""

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 1.0 / (1 << 53)


@njit(cache=True)
def new_dice(seed: int) -> Dice:
    dice = np.empty(1, np.uint64)
    dice[0] = np.uint64(seed) * _SECOND + _FIRST
    roll(dice)
    return dice


@njit(cache=True)
def roll(dice: Dice) -> np.uint64:
    dice[0] += _STEP
    z = dice[0]
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def uniform(dice: Dice) -> float:
    """In [0, 1)."""
    return float(roll(dice) >> np.uint64(11)) * _TO_UNIT


@njit(cache=True)
def between(dice: Dice, low: float, high: float) -> float:
    return low + (high - low) * uniform(dice)


@njit(cache=True)
def chance(dice: Dice, probability: float) -> bool:
    return uniform(dice) < probability


@njit(cache=True)
def choice(dice: Dice, count: int) -> int:
    """One of 0 … count - 1."""
    return min(int(uniform(dice) * count), count - 1)


@njit(cache=True)
def normal(dice: Dice) -> float:
    """Mean 0, deviation 1 (Box-Muller)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(dice)))
    return radius * math.cos(2.0 * math.pi * uniform(dice))


@njit(cache=True)
def side(dice: Dice) -> float:
    """-1 or 1."""
    return 1.0 if uniform(dice) < 0.5 else -1.0


@njit(cache=True)
def direction(dice: Dice) -> tuple[float, float, float]:
    """A unit vector."""
    z = between(dice, -1.0, 1.0)
    angle = between(dice, 0.0, 2.0 * math.pi)
    radius = math.sqrt(1.0 - z * z)
    return radius * math.cos(angle), radius * math.sin(angle), z
