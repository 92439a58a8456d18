"""Gaussians in the sidebar: whether a job writes them, and the sequences of the file."""

from __future__ import annotations

import bpy

from ..align4d_blender import compat
from . import text


class ALIGN4D_PT_gaussians(bpy.types.Panel):
    """Gaussians on the timeline."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_gaussians"
    bl_label = "Gaussians"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(context.scene.align4d, "gaussians")
        layout.operator("align4d.open_gaussians", icon="FILEBROWSER")
        if bpy.ops.align4d.show_result_as.poll():
            layout.operator_menu_enum("align4d.show_result_as", "what", icon="HIDE_OFF")
        _draw_active(layout, context)


def _draw_active(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sequence of the active object."""
    from ..align4d_blender.gaussians import sequence_object

    item = context.active_object
    if not sequence_object.shown_by(item):
        return
    chosen = item.align4d_gaussians
    column = layout.column()
    column.label(text=item.name, icon="OUTLINER_OB_POINTCLOUD")
    column.prop(chosen, "start")
    column.prop(chosen, "fps")
    if not compat.NODES_READ_PLY:
        column.operator("align4d.bake_gaussians", icon="FILE_REFRESH")
    gone = sequence_object.missing(item)
    if gone:
        text.paragraph(column, context, f"Its files are gone: {gone.name}", "ERROR")
    if not sequence_object.colors_are_true(context.scene):
        text.paragraph(column, context, "The view transform of this scene changes their colors", "INFO")
        column.operator("align4d.standard_view", icon="COLOR")


CLASSES = (ALIGN4D_PT_gaussians,)
