"""The job list in the sidebar: what runs, what waits, how it ended, and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..align4d_blender.result.playback import with_job
from . import fixes, text
from .text import Icon

if TYPE_CHECKING:
    from ..align4d_blender.jobs.record import Job

_ICONS: dict[str, Icon] = {
    "queued": "SORTTIME",
    "submitted": "PLAY",
    "running": "PLAY",
    "arriving": "IMPORT",
    "waiting": "PAUSE",
    "done": "CHECKMARK",
    "failed": "ERROR",
    "cancelled": "CANCEL",
    "interrupted": "RECOVER_LAST",
}

_PICTURE = 6.0
"""Size of a live picture, in icons."""


class ALIGN4D_PT_jobs(bpy.types.Panel):
    """Every job of this file, the one at work first."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_jobs"
    bl_label = "Jobs"
    bl_order = 1

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.jobs import queue

        return any(job.state != "collected" for job in queue.listed)

    def draw(self, context: bpy.types.Context) -> None:
        from ..align4d_blender.jobs import queue
        from ..align4d_blender.runtime import running

        ended = [job for job in queue.listed if job.ended]
        moving = [job for job in queue.listed if job.moves_on]
        for job in (*moving, *reversed(ended)):
            _draw_job(self.layout.box().column(), context, job)
        if running.is_running() and not moving:
            self.layout.operator("align4d.release_engine", icon="UNLINKED")


def _draw_job(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    """One job: what it is, how it goes, its buttons."""
    from ..align4d_blender.jobs import queue

    layout.label(text=job.label, icon=_ICONS[job.state])
    if job.state in {"running", "submitted"}:
        _draw_progress(layout, job)
    elif job.state == "queued":
        before = queue.waiting_before(job)
        layout.label(text=f"Waits for {before} other job{'s' if before > 1 else ''}" if before else "Starting")
    elif not job.ended:
        text.paragraph(layout, context, job.stage, "INFO")
    else:
        _draw_end(layout, context, job)
    _draw_buttons(layout.row(align=True), job)  # where an error says to press one, not below all that was noted
    for note in job.notes:
        text.paragraph(layout, context, note, "INFO")


def _draw_progress(layout: bpy.types.UILayout, job: Job) -> None:
    """The bar, the time left, and the latest picture beside the video's frame."""
    from ..align4d_blender.jobs import previews

    layout.progress(factor=job.fraction, text=job.stage)
    index, count = job.stages
    if count > 1:
        left = f", {text.duration(job.eta)} left" if job.eta >= 0 else ""
        layout.label(text=f"Step {index + 1} of {count}{left}")
    icons = previews.icons(job.id)
    if icons:
        row = layout.row(align=True)
        for icon in icons:
            row.template_icon(icon_value=icon, scale=_PICTURE)


def _draw_end(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    """How it ended."""
    if job.error and job.state == "failed":
        text.paragraph(layout, context, str(job.error), "ERROR")
        fixes.draw(layout, job.error.fix, job.id)
    elif job.state == "cancelled":
        text.paragraph(layout, context, "Cancelled; nothing has changed", "INFO")
    elif job.state == "interrupted":
        text.paragraph(layout, context, "Broke off with Blender. Resume goes on where it was", "INFO")
    else:
        text.paragraph(layout, context, f"The motion is on {job.moved}", "CHECKMARK")


def _draw_buttons(row: bpy.types.UILayout, job: Job) -> None:
    if not job.ended:
        row.operator("align4d.cancel", icon="CANCEL").job = job.id
    elif job.state == "done":
        if job.resumable and not with_job(job.id):  # it was undone, or removed
            row.operator("align4d.resume", text="Bring Back", icon="IMPORT").job = job.id
    elif job.resumable:
        row.operator("align4d.resume", icon="PLAY").job = job.id
    row.operator("align4d.show_log", text="", icon="TEXT").job = job.id
    if job.ended:
        row.operator("align4d.remove_job", text="", icon="X").job = job.id


CLASSES = (ALIGN4D_PT_jobs,)
