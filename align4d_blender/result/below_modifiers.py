"""Undoes what the modifiers after the point cache will do to the engine's motion.

The affine part in one go and in any thread; what is left where modifiers bend space by Newton's method, in slices of the main thread.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..capture.rest_shape import stack_of

TOLERANCE = 1e-6
"""Where Newton's method ends, as a part of the longest side."""

MOST_ROUNDS = 20


@dataclass
class Undoing:
    """One object's motion on its way below the modifiers.

    Attributes:
        path: where the point cache belongs.
        frame: scene frame and sub-frame at which the object was captured.
        after: name of the modifier that the point cache comes after, "" for none.
        wanted: (T, B, 3) what is to be shown.
        base: (T, B, 3) what goes into the stack; improved in place.
        unmap: (B, 3, 3) inverse of the stack's linear part.
        bent: whether the affine part is not enough.
        index: the video's frame that is next.
        worst: largest distance that is left between what is wanted and what is shown, as a part of the longest side.
    """

    path: Path
    frame: tuple[int, float]
    after: str
    wanted: np.ndarray
    base: np.ndarray
    unmap: np.ndarray
    bent: bool
    index: int = 0
    worst: float = 0.0
    _rounds: int = 0
    _best: tuple[float, np.ndarray] | None = None

    @property
    def done(self) -> bool:
        return not self.bent or self.index == len(self.wanted)


def start(path: Path, frame: tuple[int, float], after: str, wanted: np.ndarray, shape: dict[str, np.ndarray], bent: bool) -> Undoing:
    """The affine part. `shape` has `shown`, `base` and `unmap` of `rest_shape.RestShape`."""
    base = shape["base"] + np.einsum("bij,tbj->tbi", shape["unmap"], wanted - shape["shown"])
    return Undoing(path, frame, after, wanted, base, shape["unmap"], bent)


def improve(undoing: Undoing, item: bpy.types.Object, seconds: float) -> None:
    """Goes on for about so many seconds; a frame ends when it is exact, or when a round makes it no better."""
    end = time.monotonic() + seconds
    size = float(max(np.ptp(undoing.wanted[0], axis=0).max(), 1e-12))
    with stack_of(item, undoing.frame, undoing.after) as stack:
        while not undoing.done and time.monotonic() < end:
            base = undoing.base[undoing.index]
            residual = undoing.wanted[undoing.index] - stack.shown(base)
            error = float(np.abs(residual).max()) / size
            better = undoing._best is None or error < undoing._best[0]
            if better:
                undoing._best = error, base.copy()
            if better and error > TOLERANCE and undoing._rounds < MOST_ROUNDS:
                undoing._rounds += 1
                base += np.einsum("bij,bj->bi", undoing.unmap, residual)
            else:
                _end_frame(undoing)


def _end_frame(undoing: Undoing) -> None:
    """Keeps the best round of a frame, and goes to the next one."""
    if undoing._best:
        undoing.worst = max(undoing.worst, undoing._best[0])
        undoing.base[undoing.index] = undoing._best[1]
    undoing._best, undoing._rounds = None, 0
    undoing.index += 1
