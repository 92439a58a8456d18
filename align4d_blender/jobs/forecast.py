"""How far a job is and how long it will still take: the engine tells of one stage at a time, the artist wants the whole.

What each stage takes is learned from the last job of the same preset on this machine.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from ...engine.align4d import protocol

FORESEEABLE = 0.25
"""Part of a stage after which the engine's forecast of it is believed; the first steps compile code, and foretell many times too much."""

_FIRST_GUESS = {"reading": 1.0, "cutting": 0.5, "sampling": 6.0, "camera": 9.0, "tracking": 30.0, "refining": 8.0, "baking": 1.0}
"""Of the stages before any job has ended here. Only their proportions matter: the time left is told by the pace of the stage at work."""

_FILE = "stage_seconds.json"


class Forecast:
    """One job's way through its stages.

    Args:
        seconds: what the stages took last time, in their order, by the engine's names; stages that it does not fit count the same each.
    """

    def __init__(self, seconds: dict[str, float]) -> None:
        self.taken: dict[str, float] = {}
        """Seconds that each stage of this job has taken, in their order."""
        self._known = seconds
        self._name, self._began = "", 0.0
        self._shares: list[float] = [1.0]
        self._index = 0
        self._done = self._farthest = 0.0
        self._eta = -1.0

    def stage(self, name: str, index: int, count: int) -> None:
        """A stage begins."""
        self.end_stage()
        self._name, self._began = name, time.monotonic()
        names = list(self._known)
        fits = len(names) == count and index < count and names[index] == name
        self._shares = [max(self._known[one], 1e-3) for one in names] if fits else [1.0] * max(count, index + 1, 1)
        self._index, self._done, self._farthest, self._eta = index, 0.0, 0.0, -1.0

    def end_stage(self) -> None:
        """The stage, if there is one, is over."""
        if self._name:
            self.taken[self._name] = round(time.monotonic() - self._began, 3)

    def progress(self, done: float, eta: float) -> None:
        """`done` in [0, 1] of the stage lies behind; `eta` is the engine's forecast of its rest [s], negative where it has none.

        A stage of several parts counts each anew: what lies behind stays there until one is farther.
        """
        self._done, self._eta = min(max(done, 0.0), 1.0), eta
        self._farthest = max(self._farthest, self._done)

    @property
    def fraction(self) -> float:
        """Part of the whole job that lies behind."""
        return (sum(self._shares[: self._index]) + self._farthest * self._shares[self._index]) / sum(self._shares)

    @property
    def left(self) -> float:
        """Seconds until the end of the job; negative where it cannot be told yet."""
        if self._done < FORESEEABLE or self._eta < 0:
            return -1.0
        later = sum(self._shares[self._index + 1 :])
        pace = self._eta / (1 - self._done) / self._shares[self._index] if self._done < 1 else 0.0
        return self._eta + pace * later


def known(folder: Path, preset: str) -> dict[str, float]:
    """What the stages of a preset took last time; the first guess where nothing was learned yet."""
    try:
        seconds = json.loads((folder / _FILE).read_text(encoding="utf-8"))[preset]
        return {str(name): float(value) for name, value in seconds.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _FIRST_GUESS


def learn(folder: Path, preset: str, seconds: dict[str, float]) -> None:
    """Keeps what the stages of a finished job took. Raises OSError."""
    try:
        times = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        times = {}
    with protocol.replacing(folder / _FILE, "w") as file:
        json.dump({**times, preset: seconds}, file, indent=1)
