"""What can be done to keyframes before they are written: smoothing, a loop, staying in place, and fewer keys. numpy only.

Turns are quaternions wxyz (T, 4) without a change of sign, places are (T, 3); both are a bone's own channels.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


AT_ONCE = 48
"""Frames of which the keys are chosen together."""
ENDS = 1000.0
"""How much more the first and the last frame count for fitted curves."""
SLOPES = 0.05
"""How much slopes count against positions, for fitted curves: as good as nothing, where the positions say them."""


@dataclass(frozen=True)
class Cleanup:
    """Attributes:
    smooth: how far a key is blended with its neighbors, as a standard deviation [frames]; 0 leaves them.
    loop: the last poses flow into the first.
    in_place: the body does not travel: its horizontal way is taken out.
    tolerance: how far a surface may be off for the sake of fewer keys [parts of the size]; 0 keeps one at every frame.
    """

    smooth: float = 0.0
    loop: bool = False
    in_place: bool = False
    tolerance: float = 0.0


def same_signs(turns: Array) -> Array:
    """(T, 4) of the same rotations, each the nearer of the two quaternions to the one before."""
    flips = np.cumprod(np.where((turns[1:] * turns[:-1]).sum(1) < 0, -1.0, 1.0))
    return turns * np.concatenate([[1.0], flips])[:, None]


def smoothed(values: Array, sigma: float) -> Array:
    """(T, C) after a Gaussian along time, which shifts nothing; the ends are mirrored about their own values, so that they stay."""
    if sigma <= 0 or len(values) < 3:
        return values
    reach = min(int(np.ceil(3 * sigma)), len(values) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    before = 2 * values[0] - values[reach:0:-1]
    after = 2 * values[-1] - values[-2 : -reach - 2 : -1]
    padded = np.concatenate([before, values, after])
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], axis=1)


def looped(values: Array) -> Array:
    """(T, C) whose last value is the first: the difference is spread, smoothly, over the last third."""
    count = max(len(values) // 3, 1)
    share = np.linspace(0, 1, count + 1)[1:]
    share = share * share * (3 - 2 * share)
    result = values.copy()
    result[-count:] += share[:, None] * (values[0] - values[-1])
    return result


def normalized(turns: Array) -> Array:
    """Quaternions of length 1."""
    return turns / np.linalg.norm(turns, axis=1, keepdims=True)


def best_loop(points: Array) -> int:
    """The frame of the second half in which points (T, N, 3) are, and move, most like in the first one, wherever the whole has gone."""
    half, shape = len(points) // 2, points - points.mean(axis=1, keepdims=True)
    speed = np.gradient(shape, axis=0)
    apart = np.square(shape[half:] - shape[0]).sum((1, 2)) + np.square(speed[half:] - speed[0]).sum((1, 2))
    return half + int(apart.argmin())


def slopes(values: Array) -> Array:
    """(T, C) how fast each value changes, per frame."""
    return np.gradient(values, axis=0) if len(values) > 1 else np.zeros_like(values)


@dataclass(frozen=True)
class Keys:
    """Keys of curves that share their frames.

    Attributes:
        rows: (n,) which frames have a key, in order; the first and the last of T are among them.
        values: (n, C) at the keys.
        slopes: (n, C) there, per frame: curves between keys are the cubics with these (Hermite), which Blender's are too.
    """

    rows: Array
    values: Array
    slopes: Array

    def drawn(self) -> Array:
        """(T, C) the curves at every frame."""
        result: Array = hermite(self.rows) @ np.concatenate([self.values, self.slopes])
        return result


def every_key(values: Array) -> Keys:
    """A key at every row of (T, C)."""
    return Keys(np.arange(len(values)), values, slopes(values))


def fitted(values: Array, tolerance: float) -> Keys:
    """Few keys whose curves are no farther from the rows of (T, C) than about `tolerance`; the ends stay.

    Curves are fitted by least squares, and get a key more where a span is farthest off (Schneider, An Algorithm for Automatically Fitting
    Digitized Curves, Graphics Gems 1990; with a function of time in the place of a parameter); then each key goes that they can do without.
    """
    last = len(values) - 1
    borders = np.linspace(0, last, max(round(last / AT_ONCE), 1) + 1).astype(int)
    rows = [first + _needed_rows(values[first : end + 1], tolerance) for first, end in itertools.pairwise(borders)]
    return _least_squares(np.unique(np.concatenate(rows)), values, slopes(values))


def _needed_rows(values: Array, tolerance: float) -> Array:
    """(n,) rows at which curves have to have keys."""
    rows, slope = np.unique([0, len(values) - 1]), slopes(values)
    while True:
        apart = _apart(rows, values, slope)
        apart[rows] = 0
        spans = [first + int(apart[first:last].argmax()) for first, last in itertools.pairwise(rows)]
        more = [row for row in spans if apart[row] > tolerance]
        if not more:
            break
        rows = np.union1d(rows, more)
    for row in rows[1:-1]:
        fewer = rows[rows != row]
        if _apart(fewer, values, slope).max() <= tolerance:
            rows = fewer
    return rows


def _apart(rows: Array, values: Array, slope: Array) -> Array:
    """(T,) how far curves with keys at these rows are from the values."""
    apart: Array = np.linalg.norm(_least_squares(rows, values, slope).drawn() - values, axis=1)
    return apart


def _least_squares(rows: Array, values: Array, slope: Array) -> Keys:
    """The keys at these rows whose curves are nearest to the values; slopes that those leave open are those of the values."""
    count = len(rows)
    basis, weight = hermite(rows), np.ones((len(values), 1))
    weight[[0, -1]] = ENDS
    held = SLOPES * np.eye(2 * count)[count:]
    solution = np.linalg.lstsq(np.concatenate([weight * basis, held]), np.concatenate([weight * values, SLOPES * slope[rows]]), rcond=None)[0]
    return Keys(rows, solution[:count], solution[count:])


def hermite(rows: Array) -> Array:
    """(T, 2 n) of cubics through keys at rows (n,), at each of the T frames: weights of the values, then of the slopes."""
    count, frames = len(rows), np.arange(int(rows[-1]) + 1)
    if count == 1:
        return np.array([[1.0, 0.0]])
    span = np.clip(np.searchsorted(rows, frames, side="right") - 1, 0, count - 2)
    length = (rows[span + 1] - rows[span]).astype(np.float64)
    s = (frames - rows[span]) / length
    basis = np.zeros((len(frames), 2 * count))
    basis[frames, span], basis[frames, span + 1] = (1 + 2 * s) * (1 - s) ** 2, s * s * (3 - 2 * s)
    basis[frames, count + span], basis[frames, count + span + 1] = s * (1 - s) ** 2 * length, s * s * (s - 1) * length
    return basis
