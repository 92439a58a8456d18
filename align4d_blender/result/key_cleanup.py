"""What can be done to keyframes before they are written: smoothing, a loop, staying in place. numpy only.

Turns are quaternions wxyz (T, 4) without a change of sign, places are (T, 3); both are a bone's own channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Cleanup:
    """Attributes:
    smooth: how far a key is blended with its neighbors, as a standard deviation [frames]; 0 leaves them.
    by_bone: the same of bones that are smoothed by another strength, by their names.
    loop: the last poses flow into the first.
    in_place: the body does not travel: its horizontal way is taken out.
    root_motion: that way is the armature object's instead of its bones'.
    tolerance: how far a surface may be off for the sake of fewer keys [parts of the size]; 0 keeps one at every frame.
    """

    smooth: float = 0.0
    by_bone: Mapping[str, float] = field(default_factory=dict)
    loop: bool = False
    in_place: bool = False
    root_motion: bool = False
    tolerance: float = 0.0

    def smooth_of(self, bone: str) -> float:
        """How far the keys of a bone are blended [frames]."""
        return self.by_bone.get(bone, self.smooth)


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
