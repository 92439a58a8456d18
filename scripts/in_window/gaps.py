"""How long a windowed Blender's main loop does not come round, and why: its own work, ours, or a wait for a processor core."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

LONG = 0.1
"""A gap [s] that an artist feels."""

_TICK = 0.01


class Gaps:
    """A timer that should come every 10 ms, and what kept it from coming.

    Args:
        jobs: the extension's module of that name; its pump is timed.
        panels: its panels; their drawing is timed.
    """

    def __init__(self, jobs: Any, panels: list[Any]) -> None:
        self.doing = ""
        self.counting = False
        self.gaps: list[dict[str, Any]] = []
        self._own = self._drawing = 0.0
        self._owns: list[float] = []
        self._before = _Clock()
        jobs.step = self._timed_step(jobs.step)
        for panel in panels:
            panel.draw = self._timed_draw(panel.draw)

    def start(self, doing: str) -> None:
        self.gaps, self._owns, self.doing = [], [], doing
        self.counting = True
        self.forgive()
        if not bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.register(self._tick)

    def stop(self) -> dict[str, Any]:
        """What came of it: seconds, and every gap that was too long with its causes."""
        self.counting = False
        ordered = sorted(gap["seconds"] for gap in self.gaps)
        return {
            "seconds": round(sum(ordered), 1),
            "ticks": len(ordered),
            "median": ordered[len(ordered) // 2],
            "percent_99": ordered[int(len(ordered) * 0.99)],
            "longest": ordered[-1],
            "longest_step_of_ours": max(self._owns, default=0.0),
            "longest_of_ours": max(gap["step"] + gap["panels"] for gap in self.gaps),
            "too_long": [gap for gap in self.gaps if gap["seconds"] > LONG],
        }

    def forgive(self) -> None:
        """What this script itself has just done is no gap."""
        self._own = self._drawing = 0.0
        self._before = _Clock()

    def _tick(self) -> float | None:
        before, now = self._before, _Clock()
        gap = {"doing": self.doing, "seconds": now.wall - before.wall, "step": self._own, "panels": self._drawing}
        gap |= {"main_thread_worked": now.thread - before.thread, "main_thread_waited_for_a_core": now.queued - before.queued}
        gap["all_threads_worked"] = now.process - before.process
        self.gaps.append({key: round(value, 4) if isinstance(value, float) else value for key, value in gap.items()})
        self.forgive()
        return _TICK if self.counting else None

    def _timed_step(self, step: Callable[..., bool]) -> Callable[..., bool]:
        def timed(**choices: Any) -> bool:
            began = time.monotonic()
            try:
                return step(**choices)
            finally:
                self._owns.append(time.monotonic() - began)
                self._own += self._owns[-1]

        return timed

    def _timed_draw(self, draw: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def timed(panel: Any, context: Any) -> None:  # Blender counts these arguments
            began = time.monotonic()
            try:
                draw(panel, context)
            finally:
                self._drawing += time.monotonic() - began

        return timed


class _Clock:
    """This instant, by several clocks [s]: the wall's, the main thread's and the process's work, and the main thread's wait for a core (Linux)."""

    def __init__(self) -> None:
        self.wall, self.thread, self.process = time.monotonic(), time.thread_time(), time.process_time()
        try:
            self.queued = int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
        except OSError:
            self.queued = 0.0
