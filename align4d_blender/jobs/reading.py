"""A press on Generate in a window: the scene is read a slice at a time, and the window goes on being drawn.

What is read must not change meanwhile, and what lies in the file for a moment must not be saved: undo, a save or another file break it off.
"""

from __future__ import annotations

import time

import bpy

from ..errors import UserError
from . import queue
from .record import Job

_BREAKING = ("load_pre", "save_pre", "undo_pre", "redo_pre")


class Reading:
    """The scene on its way to a new job at the end of the queue; one at a time."""

    def __init__(self, context: bpy.types.Context) -> None:
        global _under_way
        abandon()
        self.words = "Reading the scene"
        self._slices = queue.starting(context)
        _under_way = self

    def go_on(self, seconds: float) -> Job | None:
        """Reads for about so long, and at least a slice. Returns the job once it is queued. Raises UserError, and leaves nothing behind then."""
        end = time.monotonic() + seconds
        try:
            self.words = next(self._slices)
            while time.monotonic() < end:
                self.words = next(self._slices)
        except StopIteration as stop:
            if stop.value is None:  # somebody has broken it off
                raise UserError("scene_changed", "The scene was saved or changed while it was read.", "Press Generate again.") from stop
            job: Job = stop.value
            return job
        return None

    def abandon(self) -> None:
        """Stops, and leaves nothing behind."""
        self._slices.close()


_under_way: Reading | None = None


def abandon(*_: object) -> None:
    """Breaks off what is being read, if anything is."""
    global _under_way
    if _under_way:
        _under_way.abandon()
    _under_way = None


def attach() -> None:
    """Starts to follow what would disturb; the handlers outlive loading another file."""
    bpy.app.handlers.persistent(abandon)
    for place in _BREAKING:
        getattr(bpy.app.handlers, place).append(abandon)


def detach() -> None:
    """Stops it."""
    for place in _BREAKING:
        getattr(bpy.app.handlers, place).remove(abandon)
    abandon()
