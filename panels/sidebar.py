"""The tab "Align4D" in the 3D view's sidebar."""

from __future__ import annotations

import bpy

from ..align4d_blender.capture.armatures import armature_of
from . import clip, engine, first_frame, fixes, inputs, presets, prior, text

_SENTENCES = 3
"""At most so many about simulations: the panel is for the choices."""


class ALIGN4D_PT_generate(bpy.types.Panel):
    """The main job, from top to bottom: what, after which video, how well, go."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_generate"
    bl_label = "Animate from Video"

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        presets.ALIGN4D_PT_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        from ..align4d_blender.capture import guidance
        from ..align4d_blender.capture.choices import selected_meshes, takes_mesh, takes_video

        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        fixes.draw_refusal(layout, context)
        if not engine.draw_next_step(layout, context):
            return
        missing = guidance.missing(context)
        inputs.draw_switch(layout, context)
        if takes_mesh(context):
            _draw_objects(layout, context, missing.get("objects"))
        if takes_video(context):
            _draw_video(layout, context, missing.get("video"))
        inputs.draw_choices(layout, context, missing)
        _draw_camera(layout, context, missing.get("camera"))
        if takes_mesh(context) and takes_video(context):
            first_frame.draw(layout, context)
        layout.prop(context.scene.align4d, "start_at")
        if takes_mesh(context) and any(map(armature_of, selected_meshes(context))):
            layout.prop(context.scene.align4d, "form")
        layout.prop(context.scene.align4d, "preset")
        inputs.draw_plan(layout, context)
        _draw_generate(layout, ready=not missing)


class ALIGN4D_PT_advanced(bpy.types.Panel):
    """What is rarely changed."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_advanced"
    bl_parent_id = "ALIGN4D_PT_generate"
    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return engine.ready()

    def draw(self, context: bpy.types.Context) -> None:
        from ..align4d_blender.capture.choices import takes_mesh

        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(context.scene.align4d, "masks")
        layout.prop(context.scene.align4d, "solve_camera")
        item = context.active_object
        if takes_mesh(context) and item is not None and item.type == "MESH":
            column = layout.column(align=True)
            column.prop_search(item.align4d, "still", item, "vertex_groups")
            column.prop_search(item.align4d, "ground", item, "vertex_groups")
        layout.prop(context.scene.align4d, "seed")
        if context.scene.align4d.preset == "paper":
            prior.draw(layout, context)


class ALIGN4D_PT_second_clip(bpy.types.Panel):
    """A clip of the same motion from another side."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_second_clip"
    bl_parent_id = "ALIGN4D_PT_generate"
    bl_label = "Second Clip"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.capture.choices import takes_video

        return engine.ready() and takes_video(context) and context.scene.align4d.preset != "paper"

    def draw(self, context: bpy.types.Context) -> None:
        from ..align4d_blender.capture import guidance

        layout, settings, missing = self.layout, context.scene.align4d, guidance.missing(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.prop(settings, "second_video")
        _say(column, context, missing.get("second_video"))
        column = layout.column()
        column.active = bool(settings.second_video)
        column.prop(settings, "second_camera")
        _say(column, context, missing.get("second_camera"))
        column.prop(settings, "second_find_offset")
        if not settings.second_find_offset:
            column.prop(settings, "second_offset")


def _draw_objects(layout: bpy.types.UILayout, context: bpy.types.Context, missing: str | None) -> None:
    """The meshes that would be animated."""
    from ..align4d_blender.capture.choices import selected_meshes
    from ..align4d_blender.capture.guidance import left_behind, left_out
    from ..align4d_blender.capture.simulations import simulations

    column = layout.column(align=True)
    meshes = selected_meshes(context)
    names = [item.name for item in meshes]
    for name in names[:5]:
        column.label(text=name, icon="MESH_DATA")
    if len(names) > 5:
        column.label(text=f"and {len(names) - 5} more")
    _say(column, context, missing)
    for sentence in [one for item in meshes for one in simulations(item)][:_SENTENCES]:
        text.paragraph(column, context, sentence, "INFO")
    others = left_out(context)
    if others:
        text.paragraph(column, context, others, "INFO")
    behind = left_behind(context)
    if behind:
        text.paragraph(column, context, f"On the same armature: {', '.join(item.name for item in behind)}", "INFO")
        column.operator("align4d.select_others", icon="RESTRICT_SELECT_OFF")


def _draw_video(layout: bpy.types.UILayout, context: bpy.types.Context, missing: str | None) -> None:
    from ..align4d_blender.capture.choices import is_sequence

    settings = context.scene.align4d
    column = layout.column()
    row = column.row(align=True)
    row.prop(settings, "video")
    row.menu("ALIGN4D_MT_clips", text="", icon="DOWNARROW_HLT")
    _say(column, context, missing)
    if not settings.video:
        column.operator("align4d.render_first_frame", icon="RENDER_STILL")
    clip.draw(column, context)
    if is_sequence(context):
        column.prop(settings, "sequence_fps")
        if not settings.sequence_fps:
            text.paragraph(column, context, "The scene's frame rate", "INFO")
    row = column.row(align=True)
    row.prop(settings, "first", text="Frames")
    row.prop(settings, "last", text="")
    if not settings.last:
        text.paragraph(column, context, f"Frame {settings.first} to the end" if settings.first > 1 else "The whole video", "INFO")


def _draw_camera(layout: bpy.types.UILayout, context: bpy.types.Context, missing: str | None) -> None:
    from ..align4d_blender.capture.choices import moving_note, shift_note

    settings = context.scene.align4d
    column = layout.column()
    column.prop(settings, "camera")
    _say(column, context, missing)
    if settings.camera == "SCENE" and context.scene.camera is None:
        text.paragraph(column, context, "No camera in the scene: front view", "INFO")
    for note in filter(None, (shift_note(context), moving_note(context))):
        text.paragraph(column, context, note, "INFO")


def _say(layout: bpy.types.UILayout, context: bpy.types.Context, missing: str | None) -> None:
    """What is missing, right below where it is missing."""
    if missing:
        text.paragraph(layout, context, missing, "ERROR")


def _draw_generate(layout: bpy.types.UILayout, ready: bool) -> None:
    """Generate, and Add to Batch; gray as long as something is missing."""
    row = layout.row()
    row.scale_y = 1.5
    row.enabled = ready
    row.operator("align4d.generate", icon="PLAY")
    row = layout.row()
    row.enabled = ready
    row.operator("align4d.add_to_batch", icon="ADD")


CLASSES = (ALIGN4D_PT_generate, ALIGN4D_PT_second_clip, ALIGN4D_PT_advanced)
