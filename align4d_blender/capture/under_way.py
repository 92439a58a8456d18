"""What a press on a button does in a window, a slice at a time, while the window goes on being drawn.

What is read must not change meanwhile, and what lies in the file for a moment must not be saved: undo, a save or another file break it off.
"""

from __future__ import annotations

import time
from typing import Any, Generic, TypeVar

from ..errors import UserError
from .slices import Words

T = TypeVar("T")


class UnderWay(Generic[T]):
    """Work in slices that makes something; one at a time: what was under way is broken off.

    Attributes:
        words: what is being done.
    """

    def __init__(self, words: str, slices: Words[T]) -> None:
        global _under_way
        abandon()
        self.words = words
        self._slices = slices
        _under_way = self

    def go_on(self, seconds: float) -> T | None:
        """Works for about so long, and at least a slice. Returns what is made once it is. Raises UserError, and leaves nothing behind then."""
        end = time.monotonic() + seconds
        try:
            self.words = next(self._slices)
            while time.monotonic() < end:
                self.words = next(self._slices)
        except StopIteration as stop:
            if stop.value is None:  # somebody has broken it off
                raise UserError("scene_changed", "The scene was saved or changed meanwhile.", "Press the button again.") from stop
            made: T = stop.value
            return made
        return None

    def abandon(self) -> None:
        """Stops, and leaves nothing behind."""
        self._slices.close()


_under_way: UnderWay[Any] | None = None


def abandon() -> None:
    """Breaks off what is under way, if anything is."""
    global _under_way
    if _under_way:
        _under_way.abandon()
    _under_way = None
