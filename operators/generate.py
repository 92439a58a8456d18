"""Generate 4D: starts a job, and lets it run while the artist keeps working."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from ..align4d_blender.capture import modes
from ..align4d_blender.errors import UserError
from ..align4d_blender.jobs import queue, reading
from ..align4d_blender.jobs.record import Job
from ..align4d_blender.runtime import refusal
from .telling import refuse, telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


_SLICE, _LONGEST = 0.1, 1.0
"""Seconds that the scene is read for at once: as long as drawing the window took, within these limits."""

_BETWEEN = 0.01
"""Seconds between two slices, in which the window is drawn."""


class ALIGN4D_OT_generate(bpy.types.Operator):
    """Animate the selected meshes after the reference video. Blender stays usable meanwhile; further jobs wait for their turn"""

    bl_idname = "align4d.generate"
    bl_label = "Generate 4D"
    bl_options = {"REGISTER", "BLOCKING"}  # no result arrives in the scene while it is read

    _timer: bpy.types.Timer | None = None
    _ended = math.inf
    _said = ""

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        """From a button: the scene is read in slices, with the window alive; then the job goes on by itself."""
        if bpy.app.background:
            return self.execute(context)
        self._reading = reading.Reading(context)
        context.window.cursor_modal_set("WAIT")
        after = self._go_on(context)
        if after == {"RUNNING_MODAL"}:
            self._timer = context.window_manager.event_timer_add(_BETWEEN, window=context.window)
            context.window_manager.modal_handler_add(self)
        return after

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        if event.type == "ESC":
            self.cancel(context)
            self.report({"INFO"}, "Reading stopped; nothing has changed")
            return {"CANCELLED"}
        return self._go_on(context) if event.type == "TIMER" else {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender itself, or the artist, breaks it off."""
        self._reading.abandon()
        self._let_go(context)

    def _go_on(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """The next slice."""
        going_on = False
        try:
            going_on = self._reading.go_on(min(max(_SLICE, time.monotonic() - self._ended), _LONGEST)) is None
        except UserError as error:
            return refuse(self, error)
        finally:
            if not going_on:
                self._let_go(context)
        if going_on:
            if self._said != self._reading.words:  # each call draws the window anew
                self._said = self._reading.words
                context.workspace.status_text_set(f"{self._said}. Esc: stop")
            self._ended = time.monotonic()
            return {"RUNNING_MODAL"}
        refusal.last = None
        queue.watch()
        return {"FINISHED"}

    def _let_go(self, context: bpy.types.Context) -> None:
        """The window is as it was."""
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        if self._timer:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """From a script, or without a window: waits for the result."""
        if bpy.app.background:
            modes.leave(context)
        job = queue.start(context)
        queue.wait(job)
        return _report(self, job)


class ALIGN4D_OT_announce(bpy.types.Operator):
    """Shows how a job ended"""

    bl_idname = "align4d.announce"
    bl_label = "Align4D"
    bl_options = {"INTERNAL"}

    job: StringProperty(name="Job", description="The job's id", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Waits for the next event: a report made from a timer is seen by no one, one made while handling an event is shown."""
        self._timer = context.window_manager.event_timer_add(0.01, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        context.window_manager.event_timer_remove(self._timer)
        job = queue.find(self.job)
        return _report(self, job) if job else {"CANCELLED"}


def announce(job: Job) -> None:
    """Says in the window how a job has ended."""
    if bpy.app.background:
        return
    window = next(iter(bpy.context.window_manager.windows), None)
    if window:
        with bpy.context.temp_override(window=window):
            bpy.ops.align4d.announce("INVOKE_DEFAULT", job=job.id)


def _report(operator: bpy.types.Operator, job: Job) -> set[OperatorReturnItems]:
    """Says how a job ended, in Blender's own report."""
    if job.error:
        operator.report({"ERROR"}, str(job.error).strip())
    elif job.state == "cancelled":
        operator.report({"WARNING"}, "Cancelled; nothing has changed. Resume lets the job go on")
    else:
        operator.report({"INFO"}, f"The motion is on {job.moved}")
        for note in job.notes:
            operator.report({"WARNING"}, note)
        return {"FINISHED"}
    return {"CANCELLED"}


CLASSES = (ALIGN4D_OT_generate, ALIGN4D_OT_announce)
