"""Pictures that a movie shows twice by accident: its first one, and those that a conversion of its rate put in between.

Programs that lay pictures over a background, or change a clip's rate, easily write the first frame twice and leave the last one
out. Taken at its word, the motion would begin with a jerk out of a standstill, and lag by a frame from then on. A clip whose rate
was raised repeats a picture here and there, and its motion stumbles at each.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from .timing import is_even

SAME = 0.05
"""Two pictures are the same where they differ less than this part of what the usual two do."""
AT_SPEED = 0.2
"""The change right after the repeated picture is at least this part of the usual one: whoever stands still on purpose sets off slowly."""
FEWEST = 5
"""Frames of a clip of which the usual change is known."""


def repeats_first(frames: Sequence[np.ndarray]) -> bool:
    """Whether the second of `frames` (T, H, W, 3) repeats the first by accident.

    A pose that is held is none: neither where it is held longer, nor where the motion begins slowly, nor where other pictures are
    repeated as well, as in figures animated on twos.
    """
    if len(frames) < FEWEST:
        return False
    first, second = (_change(*frames[start : start + 2]) for start in (0, 1))
    if first >= SAME * second:
        return False  # as in nearly all clips: the rest need not be looked at
    later = np.array([second, *(_change(*pair) for pair in itertools.pairwise(frames[2:]))])
    usual = float(np.median(later))
    return bool(second > AT_SPEED * usual and not (later < SAME * usual).any())


def before_conversion(frames: Sequence[np.ndarray]) -> np.ndarray | None:
    """(N,) indices of the different pictures among `frames` (T, H, W, 3) whose rate was raised by repeating some of them; None for others."""
    change = np.array([_change(*pair) for pair in itertools.pairwise(frames)])
    if not len(change):
        return None
    starts = np.concatenate([[0], np.flatnonzero(change > SAME * np.percentile(change, 75)) + 1])
    return starts if len(starts) < len(frames) and is_even(starts) else None


def _change(before: np.ndarray, after: np.ndarray) -> float:
    """Mean difference of two pictures, every other pixel of them."""
    return float(np.abs(after[::2, ::2].astype(np.int16) - before[::2, ::2]).mean())
