"""The buttons of the job list: Cancel, Resume, Show Log, Remove; and releasing the engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ..align4d_blender.jobs.record import Job


_LOG_LINES = 25
_LOG_BYTES = 20_000
"""How much of a log's end is read; logs of long jobs are large."""


class _OfJob:
    """An operator on one job of the list; without a name, on the job at work or the last one."""

    job: StringProperty(name="Job", description="The job's id; empty for the one at work, or the last one", options={"HIDDEN", "SKIP_SAVE"})

    def chosen(self) -> Job | None:
        from ..align4d_blender.jobs import queue

        return queue.find(self.job) if self.job else queue.current()


class ALIGN4D_OT_cancel(_OfJob, bpy.types.Operator):
    """Stop this job. The scene stays as it is, and the job can go on later where it was"""

    bl_idname = "align4d.cancel"
    bl_label = "Cancel"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.jobs import queue

        return any(not job.ended for job in queue.listed)

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.jobs import queue

        job = self.chosen()
        if job is None or job.ended:
            return {"CANCELLED"}
        queue.cancel(job)
        return {"FINISHED"}


class ALIGN4D_OT_resume(_OfJob, bpy.types.Operator):
    """Let this job go on where it was, also after a crash. A finished one brings its result back into the scene"""

    bl_idname = "align4d.resume"
    bl_label = "Resume"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.jobs import queue

        return any(job.resumable for job in queue.listed)

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.jobs import queue

        broken_off = (job for job in reversed(queue.listed) if job.resumable and job.state != "done")
        job = self.chosen() if self.job else next(broken_off, None)
        if job is None or not job.resumable:
            return {"CANCELLED"}
        queue.resume_job(job)
        if bpy.app.background:
            queue.wait(job)
            return {"FINISHED"} if job.state == "done" else {"CANCELLED"}
        queue.watch()
        return {"FINISHED"}


class ALIGN4D_OT_show_log(_OfJob, bpy.types.Operator):
    """Show the last lines of this job's log, and where the whole log is"""

    bl_idname = "align4d.show_log"
    bl_label = "Show Log"
    bl_options = {"REGISTER"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        if self._log() is None:
            return self.execute(context)
        return context.window_manager.invoke_popup(self, width=900)

    def draw(self, _context: bpy.types.Context) -> None:
        log = self._log()
        column = self.layout.column(align=True)
        column.scale_y = 0.7
        for line in _last_lines(log) if log else []:
            column.label(text=line)
        if log:
            self.layout.operator("wm.path_open", text=str(log), icon="TEXT").filepath = str(log)

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        log = self._log()
        if log is None:
            self.report({"WARNING"}, "There is no log yet")
            return {"CANCELLED"}
        print("\n".join(_last_lines(log)))
        return {"FINISHED"}

    def _log(self) -> Path | None:
        job = self.chosen()
        log = job.folder / "log.txt" if job else None
        return log if log and log.is_file() else None


def _last_lines(log: Path) -> list[str]:
    """The end of a log."""
    with open(log, "rb") as file:
        file.seek(max(log.stat().st_size - _LOG_BYTES, 0))
        return file.read().decode("utf-8", "replace").splitlines()[-_LOG_LINES:]


class ALIGN4D_OT_remove_job(_OfJob, bpy.types.Operator):
    """Take this job off the list. A motion that is in the scene stays; what a broken-off job has reached is deleted"""

    bl_idname = "align4d.remove_job"
    bl_label = "Remove"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.jobs import queue

        return any(job.ended for job in queue.listed)

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.jobs import queue

        job = self.chosen()
        if job is None or not job.ended:
            return {"CANCELLED"}
        queue.remove(job)
        return {"FINISHED"}


class ALIGN4D_OT_release_engine(bpy.types.Operator):
    """End the engine's process and free its memory. A running job is interrupted and can go on later; the next job starts the engine again"""

    bl_idname = "align4d.release_engine"
    bl_label = "Release Engine"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.runtime import running

        return running.is_running()

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.jobs import queue

        queue.release_engine()
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_cancel, ALIGN4D_OT_resume, ALIGN4D_OT_show_log, ALIGN4D_OT_remove_job, ALIGN4D_OT_release_engine)
