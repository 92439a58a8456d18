"""Generate 4D: starts a job, and lets it run while the artist keeps working."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from .in_slices import InSlices
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ..align4d_blender.capture.slices import Words
    from ..align4d_blender.jobs.record import Job


class ALIGN4D_OT_generate(InSlices, bpy.types.Operator):
    """Animate the selected meshes after the reference video. Blender stays usable meanwhile; further jobs wait for their turn"""

    bl_idname = "align4d.generate"
    bl_label = "Generate 4D"
    bl_options = {"REGISTER", "BLOCKING"}  # no result arrives in the scene while it is read
    begins = "Reading the scene"

    def work(self, context: bpy.types.Context) -> Words[Job]:
        from ..align4d_blender.jobs import queue

        return queue.starting(context)

    def done(self, _context: bpy.types.Context, _made: Job) -> None:
        """The job goes on by itself."""
        from ..align4d_blender.jobs import queue

        queue.watch()

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """From a script, or without a window: waits for the result."""
        from ..align4d_blender.capture import modes
        from ..align4d_blender.jobs import queue

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
        from ..align4d_blender.jobs import queue

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
