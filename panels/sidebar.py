"""The tab "Align4D" in the 3D view's sidebar."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..align4d_blender import EXTENSION, jobs, preferences, reference, storage
from ..align4d_blender.errors import UserError
from . import text


class ALIGN4D_PT_generate(bpy.types.Panel):
    """The main job, from top to bottom: what, after which video, how well, go."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_generate"
    bl_label = "Animate from Video"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        job = jobs.current()
        running = job if job and not job.ended else None
        _draw_engine(layout, context)
        _draw_objects(layout, context, running)
        choices = layout.column()
        choices.enabled = running is None
        _draw_video(choices, context)
        _draw_camera(choices, context)
        choices.prop(context.scene.align4d, "preset")
        if running:
            _draw_progress(layout, context, running)
        else:
            _draw_generate(layout, context, job)


class ALIGN4D_PT_advanced(bpy.types.Panel):
    """What is rarely changed."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_advanced"
    bl_parent_id = "ALIGN4D_PT_generate"
    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(context.scene.align4d, "solve_camera")
        layout.prop(context.scene.align4d, "seed")


class ALIGN4D_PT_result(bpy.types.Panel):
    """What Align4D has added to this file, and how to take it away."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_result"
    bl_label = "Result"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(storage.tagged())

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        for item in storage.tagged():
            column.label(text=item.name, icon="CAMERA_DATA" if item.type == "CAMERA" else "MESH_DATA")
            cache = storage.point_cache(item)
            if cache and not storage.actual_path(cache.filepath).is_file():
                text.paragraph(column, context, f"Its file is gone: {Path(cache.filepath).name}", "ERROR")
        self.layout.operator("align4d.look_through", icon="VIEW_CAMERA")
        self.layout.operator("align4d.remove_result", icon="TRASH")


def _draw_engine(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Says so where the engine is not set up."""
    try:
        preferences.engine_python(preferences.get())
    except UserError as error:
        box = layout.box().column()
        text.paragraph(box, context, error.message, "ERROR")
        box.operator("preferences.addon_show", text="Set Engine Python", icon="PREFERENCES").module = EXTENSION


def _draw_objects(layout: bpy.types.UILayout, context: bpy.types.Context, running: jobs.Job | None) -> None:
    """The meshes that are, or would be, animated."""
    column = layout.column(align=True)
    names = [target.name for target in running.targets] if running else [item.name for item in context.selected_objects if item.type == "MESH"]
    for name in names[:5]:
        column.label(text=name, icon="MESH_DATA")
    if len(names) > 5:
        column.label(text=f"and {len(names) - 5} more")
    if not names:
        text.paragraph(column, context, "Select the mesh that the video shows", "ERROR")


def _draw_video(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.align4d
    column = layout.column()
    column.prop(settings, "video")
    if not settings.video:
        text.paragraph(column, context, "Choose a movie or an image sequence", "ERROR")
    row = column.row(align=True)
    row.prop(settings, "first", text="Frames")
    row.prop(settings, "last", text="")
    if not settings.last:
        text.paragraph(column, context, f"Frame {settings.first} to the end" if settings.first > 1 else "The whole video", "INFO")


def _draw_camera(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.align4d
    column = layout.column()
    column.prop(settings, "camera")
    if settings.camera == "SCENE" and context.scene.camera is None:
        text.paragraph(column, context, "No camera in the scene: front view", "INFO")
    note = reference.shift_note(context)
    if note:
        text.paragraph(column, context, note, "INFO")


def _draw_progress(layout: bpy.types.UILayout, context: bpy.types.Context, job: jobs.Job) -> None:
    """How far the job is, and Cancel."""
    column = layout.column()
    index, count = job.stages
    if job.state == "waiting":
        text.paragraph(column, context, job.stage, "INFO")
    else:
        column.progress(factor=job.fraction, text=job.stage)
    if job.state == "running" and count > 1:
        left = f", {text.duration(job.eta)} left in it" if job.eta >= 0 else ""
        column.label(text=f"Step {index + 1} of {count}{left}")
    column.operator("align4d.cancel", icon="CANCEL")


def _draw_generate(layout: bpy.types.UILayout, context: bpy.types.Context, last: jobs.Job | None) -> None:
    """Generate, and how the last job ended."""
    column = layout.column()
    row = column.row()
    row.scale_y = 1.5
    row.operator("align4d.generate", icon="PLAY")
    if last is None:
        return
    if last.error:
        text.paragraph(column, context, str(last.error).strip(), "ERROR")
    elif last.state == "cancelled":
        text.paragraph(column, context, "Cancelled; nothing has changed", "INFO")
    elif storage.tagged():
        text.paragraph(column, context, f"The motion is on {', '.join(target.name for target in last.targets)}", "CHECKMARK")
    for note in last.notes:
        text.paragraph(column, context, note, "INFO")


CLASSES = (ALIGN4D_PT_generate, ALIGN4D_PT_advanced, ALIGN4D_PT_result)
