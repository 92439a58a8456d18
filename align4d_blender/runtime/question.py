"""What the engine was asked last about something that panels show, and its answer: asked once, and drawn anew until it is there."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import bpy

from ..errors import UserError
from . import ask
from .ask import EngineReply
from .redraw import redraw

if TYPE_CHECKING:
    from concurrent.futures import Future

_TICK = 0.3


class Question:
    """One question at a time: another one takes the place of the last."""

    def __init__(self) -> None:
        self._asked: tuple[object, Future[EngineReply]] | None = None
        # Blender knows a timer by its function: a bound method is another one each time
        self._tick = self._wait_in_window

    def is_about(self, what: object) -> bool:
        """Whether the last question was about this."""
        return self._asked is not None and self._asked[0] == what

    def ask(self, what: object, arguments: list[str]) -> None:
        """Asks the engine's command line. Raises UserError where there is no engine."""
        self._asked = what, ask.submit(arguments)
        if not bpy.app.background and not bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.register(self._tick, first_interval=_TICK, persistent=True)

    def answer(self, what: object) -> EngineReply | None:
        """What the engine says about this; None as long as it is not known. Raises UserError where it says what failed."""
        return self._asked[1].result() if self._asked and self.is_about(what) and self._asked[1].done() else None

    def is_under_way(self, what: object) -> bool:
        """Whether the engine is at it."""
        return self.is_about(what) and self._is_open()

    def wait(self) -> None:
        """Without a window: waits for the answer, whatever it is."""
        with suppress(UserError):
            if self._asked is not None:
                self._asked[1].result()

    def forget(self) -> None:
        """It has to be asked again."""
        self._asked = None

    def shut_down(self) -> None:
        """Ends what runs."""
        if bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.unregister(self._tick)
        self.forget()

    def _is_open(self) -> bool:
        return self._asked is not None and not self._asked[1].done()

    def _wait_in_window(self) -> float | None:
        redraw()
        return _TICK if self._is_open() else None
