"""Curves with keys: what is drawn between them, and which keys a curve can do without. numpy only.

A curve goes from key to key as the cubic with the keys' values and slopes (Hermite), which Blender's curves are too where handles reach a third
of the way to the next key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

REACH = 2
"""Keys to each side of one that goes which are fitted anew."""
ENDS = 1000.0
"""How much more the first and the last frame count for fitted curves: they stay."""
SLOPES = 0.05
"""How much slopes count against positions, for fitted curves: as good as nothing, where the positions say them."""


@dataclass(frozen=True)
class Keys:
    """Keys of curves that share their frames.

    Attributes:
        rows: (n,) which frames have a key, in order: the first and the last of all, or one alone for curves that stay where they are.
        values: (n, C) at the keys.
        slopes: (n, C) there, per frame.
        frames: T, how many there are.
    """

    rows: Array
    values: Array
    slopes: Array
    frames: int

    def drawn(self) -> Array:
        """(T, C) the curves at every frame."""
        result: Array = hermite(self.rows, self.frames) @ np.concatenate([self.values, self.slopes])
        return result


def slopes(values: Array) -> Array:
    """(T, C) how fast each value changes, per frame."""
    return np.gradient(values, axis=0) if len(values) > 1 else np.zeros_like(values)


def every_key(values: Array) -> Keys:
    """A key at every row of (T, C)."""
    return Keys(np.arange(len(values)), values, slopes(values), len(values))


def fitted(values: Array, rows: Array) -> Keys:
    """Keys at `rows` (n,) whose curves are nearest to the values (T, C), whose ends stay; slopes that those leave open are those of the values."""
    count = len(rows)
    basis, weight = hermite(rows, len(values)), np.ones((len(values), 1))
    if count > 1:
        weight[[0, -1]] = ENDS
    held = SLOPES * np.eye(2 * count)[count:]
    right = np.concatenate([weight * values, SLOPES * slopes(values)[rows] * (count > 1)])
    solution = np.linalg.lstsq(np.concatenate([weight * basis, held]), right, rcond=None)[0]
    return Keys(rows, solution[:count], solution[count:], len(values))


def hermite(rows: Array, frames: int) -> Array:
    """(T, 2 n) of cubics through keys at rows (n,), at each of T `frames`: weights of the values, then of the slopes."""
    count, at = len(rows), np.arange(frames)
    basis = np.zeros((frames, 2 * count))
    if count == 1:
        basis[:, 0] = 1.0
        return basis
    span = np.clip(np.searchsorted(rows, at, side="right") - 1, 0, count - 2)
    length = (rows[span + 1] - rows[span]).astype(np.float64)
    s = (at - rows[span]) / length
    basis[at, span], basis[at, span + 1] = (1 + 2 * s) * (1 - s) ** 2, s * s * (3 - 2 * s)
    basis[at, count + span], basis[at, count + span + 1] = s * (1 - s) ** 2 * length, s * s * (s - 1) * length
    return basis


@dataclass(frozen=True)
class Thinning:
    """Which keys curves can do without, the most dispensable first.

    Attributes:
        order: rows in the order in which their keys go.
        errors: by how much the curves are off, as a sum of squares over the frames, before the first key goes and after each.
        frames: T.
        constant: by how much they are off where they stay at their mean.
    """

    order: tuple[int, ...]
    errors: Array
    frames: int
    constant: float

    def rows(self, price: float) -> Array:
        """(n,) rows of the keys that are worth it, where each costs `price` in units of the errors."""
        left = self.frames - np.arange(len(self.errors))
        best = int((self.errors + price * left).argmin())
        if self.constant + price < self.errors[best] + price * left[best]:
            return np.zeros(1, int)
        return np.setdiff1d(np.arange(self.frames), self.order[:best])


def thinned(values: Array) -> Thinning:
    """Takes keys off the curves (T, C) one after the other, each time the one that costs least."""
    thinner, order, errors = _Thinner(values), [], [0.0]
    costs = {row: thinner.cost(row) for row in thinner.rows[1:-1]}
    while costs:
        row = min(costs, key=costs.__getitem__)
        order.append(row)
        errors.append(errors[-1] + costs.pop(row))
        costs |= {near: thinner.cost(near) for near in thinner.take(row)}
    return Thinning(tuple(order), np.array(errors), len(values), float(np.square(values - values.mean(0)).sum()))


class _Thinner:
    """Curves that lose keys; those near one that goes are fitted anew."""

    def __init__(self, values: Array) -> None:
        self.values, self.slopes = values, slopes(values)
        self.rows: list[int] = list(range(len(values)))
        self.at, self.rise = values.copy(), self.slopes.copy()
        self.off = np.zeros(len(values))  # of each frame, as a square

    def cost(self, row: int) -> float:
        """By how much more the curves are off without the key of a row."""
        _, _, span, off = self._without(row)
        return float(off.sum() - self.off[span].sum())

    def take(self, row: int) -> list[int]:
        """Takes the key of a row; returns the rows, but for the ends, of which the cost is another now."""
        left, solution, span, off = self._without(row)
        self.at[left], self.rise[left], self.off[span] = solution[: len(left)], solution[len(left) :], off
        place = self.rows.index(row)
        self.rows.pop(place)
        return self.rows[max(place - 2 * REACH, 1) : min(place + 2 * REACH, len(self.rows) - 1)]

    def _without(self, row: int) -> tuple[list[int], Array, slice, Array]:
        """The rows around one but for itself, their values and slopes (2 n, C) as they are best then, their frames, and by how much these are off.

        The outermost keys stay; at the ends of the curves their slopes do not have to.
        """
        place = self.rows.index(row)
        first, last = max(place - REACH, 0), min(place + REACH, len(self.rows) - 1)
        left = [one for one in self.rows[first : last + 1] if one != row]
        count, span = len(left), slice(left[0], left[-1] + 1)
        free = np.ones(2 * count, bool)
        free[[0, count - 1]] = False
        free[count], free[-1] = first == 0, last == len(self.rows) - 1
        solution, target = np.concatenate([self.at[left], self.rise[left]]), self.values[span]
        basis, held = hermite(np.array(left) - left[0], len(target)), SLOPES * np.eye(2 * count)[count:]
        system = np.concatenate([basis, held])
        right = np.concatenate([target, SLOPES * self.slopes[left]]) - system[:, ~free] @ solution[~free]
        system = system[:, free]
        solution[free] = np.linalg.solve(system.T @ system, system.T @ right)
        return left, solution, span, np.square(basis @ solution - target).sum(1)
