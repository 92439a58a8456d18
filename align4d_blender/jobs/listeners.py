"""Who is told on the main thread when a job moves on, and when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .record import Job

on_change: list[Callable[[Job], None]] = []
"""Called whenever a job has moved on (a script's own progress bar, for one)."""

on_end: list[Callable[[Job], None]] = []
"""Called when a job has ended."""

on_keys: list[Callable[[Job], None]] = []
"""Called in a window when the motion of a job is in the scene as a point cache, and keyframes are to take its place that the artist's rig
itself has to be posed for: who is told makes them in slices, and pushes the undo step of both."""
