"""The tab "Align4D" in the 3D view's sidebar."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..align4d_blender import EXTENSION, jobs, preferences, storage
from ..align4d_blender.errors import UserError


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
        _draw_engine(layout)
        _draw_objects(layout, context)
        _draw_video(layout, context)
        settings = context.scene.align4d
        column = layout.column()
        column.prop(settings, "camera")
        if settings.camera == "SCENE" and context.scene.camera is None:
            column.label(text="No camera in the scene: front view", icon="INFO")
        layout.prop(settings, "preset")
        _draw_job(layout)


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

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column()
        for item in storage.tagged():
            column.label(text=item.name, icon="CAMERA_DATA" if item.type == "CAMERA" else "MESH_DATA")
            cache = storage.point_cache(item)
            if cache and not storage.actual_path(cache.filepath).is_file():
                column.label(text=f"Its file is gone: {Path(cache.filepath).name}", icon="ERROR")
        self.layout.operator("align4d.remove_result", icon="TRASH")


def _draw_engine(layout: bpy.types.UILayout) -> None:
    """Says so where the engine is not set up."""
    try:
        preferences.engine_python(preferences.get())
    except UserError as error:
        box = layout.box().column()
        box.label(text=error.message, icon="ERROR")
        box.operator("preferences.addon_show", text="Set Engine Python", icon="PREFERENCES").module = EXTENSION


def _draw_objects(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The meshes that would be animated."""
    column = layout.column(align=True)
    names = [item.name for item in context.selected_objects if item.type == "MESH"]
    for name in names[:5]:
        column.label(text=name, icon="MESH_DATA")
    if len(names) > 5:
        column.label(text=f"and {len(names) - 5} more")
    if not names:
        column.label(text="Select the mesh that the video shows", icon="ERROR")


def _draw_video(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.align4d
    column = layout.column()
    column.prop(settings, "video")
    if not settings.video:
        column.label(text="Choose a movie or an image sequence", icon="ERROR")
    row = column.row(align=True)
    row.prop(settings, "first", text="Frames")
    row.prop(settings, "last", text="")


def _draw_job(layout: bpy.types.UILayout) -> None:
    """Generate; or how far the running job is, and Cancel."""
    job = jobs.current()
    column = layout.column()
    if job and not job.ended:
        left = f"  {round(job.eta)} s left in this step" if job.eta >= 0 else ""
        column.progress(factor=job.fraction, text=f"{job.stage}{left}")
        column.operator("align4d.cancel", icon="CANCEL")
        return
    row = column.row()
    row.scale_y = 1.5
    row.operator("align4d.generate", icon="PLAY")
    if job and job.error:
        column.label(text=job.error.message, icon="ERROR")
        if job.error.advice:
            column.label(text=job.error.advice)
    for note in job.notes if job else ():
        column.label(text=note, icon="INFO")


CLASSES = (ALIGN4D_PT_generate, ALIGN4D_PT_advanced, ALIGN4D_PT_result)
