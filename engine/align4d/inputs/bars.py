"""Black bars: a picture that was padded to another format. They are no background, and nothing in them is the object."""

from __future__ import annotations

import dataclasses

import numpy as np

LOOKED_AT = 8
"""Frames that are looked at, spread over the clip."""
BLACK = 20
"""Of 255: the brightest that compression leaves in a bar."""
LIT, DARK = 0.8, 0.05
"""Part of a line of pixels that is brighter than black in some frame: at least the first in the picture, at most the second in a bar. An
object on a black background has lines in between."""
RAMP = 3
"""Lines between bar and picture that may be in between [px]: scaling and compression blur the edge."""
NARROWEST = 0.01
"""Part of the picture's side: what is narrower is a dirty edge, not a bar."""


@dataclasses.dataclass(frozen=True)
class Window:
    """The part of the frames that shows the picture: rows and columns, the second of each not included."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def area(self) -> tuple[slice, slice]:
        """As an index into (H, W, ...)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def find_bars(frames: np.ndarray) -> Window | None:
    """The window between bars at the top and bottom, or at both sides, or around, of (T, H, W, 3) uint8 frames; None without bars."""
    chosen = frames[:: max(1, len(frames) // LOOKED_AT)]
    brightest = chosen.max(axis=0)
    lit = np.maximum(np.maximum(brightest[..., 0], brightest[..., 1]), brightest[..., 2]) > BLACK  # far faster than max(axis=2)
    height, width = lit.shape
    rows, columns = np.flatnonzero(lit.mean(axis=1) > DARK), np.flatnonzero(lit.mean(axis=0) > DARK)
    if not len(rows) or not len(columns):
        return None
    across = _picture(lit[:, columns[0] : columns[-1] + 1].mean(axis=1))
    aside = _picture(lit[rows[0] : rows[-1] + 1].mean(axis=0))
    return Window(*(across or (0, height)), *(aside or (0, width))) if across or aside else None


def _picture(lit: np.ndarray) -> tuple[int, int] | None:
    """Where between two bars the picture begins and ends, by the lit part of each line (N,); None where there are no two bars."""
    lines = np.flatnonzero(lit >= LIT)
    if not len(lines):
        return None
    start, end = int(lines[0]), int(lines[-1]) + 1
    before, after = start, len(lit) - end
    equal = abs(before - after) <= max(2, 0.1 * (before + after))
    dark = bool((lit[: max(0, start - RAMP)] <= DARK).all() and (lit[end + RAMP :] <= DARK).all())
    return (start, end) if min(before, after) >= max(RAMP + 1, NARROWEST * len(lit)) and equal and dark else None
