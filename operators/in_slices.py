"""Buttons whose work takes seconds: in a window it is done in slices, the status bar says how far it is, and Esc stops it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, cast

import bpy

from ..align4d_blender.errors import UserError
from ..align4d_blender.runtime import refusal
from .telling import refuse, telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ..align4d_blender.capture.slices import Words


_SLICE, _LONGEST = 0.1, 1.0
"""Seconds that are worked at once: as long as drawing the window took, within these limits."""

_BETWEEN = 0.01
"""Seconds between two slices, in which the window is drawn."""


class InSlices:
    """What such operators have in common; `bl_options` want BLOCKING: no result arrives in the scene meanwhile.

    Attributes:
        begins: what is done first, in words.
        stopped: what is said where the artist breaks it off.
    """

    begins = "Working"
    stopped = "Stopped; nothing has changed"
    _timer: bpy.types.Timer | None = None
    _ended = math.inf
    _said = ""

    def work(self, context: bpy.types.Context) -> Words[Any]:
        """Does it in slices. Raises UserError, and leaves nothing behind then."""
        raise NotImplementedError

    def done(self, _context: bpy.types.Context, made: Any) -> None:
        """Says what came of it: what was made is what the artist should know, as sentences."""
        for note in made:
            cast(bpy.types.Operator, self).report({"INFO"}, note)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        """From a button."""
        from ..align4d_blender.capture.under_way import UnderWay

        if bpy.app.background:
            return self.execute(context)
        self._under_way = UnderWay(self.begins, self.work(context))
        context.window.cursor_modal_set("WAIT")
        after = self._go_on(context)
        if after == {"RUNNING_MODAL"}:
            self._timer = context.window_manager.event_timer_add(_BETWEEN, window=context.window)
            context.window_manager.modal_handler_add(cast(bpy.types.Operator, self))
        return after

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        if event.type == "ESC":
            self.cancel(context)
            cast(bpy.types.Operator, self).report({"INFO"}, self.stopped)
            return {"CANCELLED"}
        return self._go_on(context) if event.type == "TIMER" else {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender itself, or the artist, breaks it off."""
        self._under_way.abandon()
        self._let_go(context)

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """From a script, or without a window: all at once."""
        from ..align4d_blender.capture.slices import whole

        self.done(context, whole(self.work(context)))
        return {"FINISHED"}

    def _go_on(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """The next slice."""
        going_on = False
        try:
            made = self._under_way.go_on(min(max(_SLICE, time.monotonic() - self._ended), _LONGEST))
            going_on = made is None
        except UserError as error:
            return refuse(self, error)
        finally:
            if not going_on:
                self._let_go(context)
        if going_on:
            if self._said != self._under_way.words:  # each call draws the window anew
                self._said = self._under_way.words
                context.workspace.status_text_set(f"{self._said}. Esc: stop")
            self._ended = time.monotonic()
            return {"RUNNING_MODAL"}
        refusal.last = None
        self.done(context, made)
        return {"FINISHED"}

    def _let_go(self, context: bpy.types.Context) -> None:
        """The window is as it was."""
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        if self._timer:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
