"""What a result is, point cache or keyframes, and what is done to it."""

from __future__ import annotations

from typing import Any

import bpy

from ..align4d_blender.capture.armatures import armature_of
from .rows import Rows


class ALIGN4D_UL_contacts(Rows, bpy.types.UIList):
    """Which bones stand on the ground, and when."""

    bl_idname = "ALIGN4D_UL_contacts"

    def draw_row(self, context: bpy.types.Context, row: bpy.types.UILayout, item: Any) -> None:
        row.prop(item, "held", text="")
        rig = _armature(context.active_object)
        if rig:
            row.prop_search(item, "name", rig.data, "bones", text="")
        row.prop(item, "first", text="", emboss=False)
        row.prop(item, "last", text="", emboss=False)


class ALIGN4D_UL_smoothed(Rows, bpy.types.UIList):
    """Which bones are smoothed by another strength than the others."""

    bl_idname = "ALIGN4D_UL_smoothed"

    def draw_row(self, context: bpy.types.Context, row: bpy.types.UILayout, item: Any) -> None:
        rig = _armature(context.active_object)
        if rig:
            row.prop_search(item, "name", rig.data, "bones", text="")
        row.prop(item, "smooth", text="")


def _armature(chosen: bpy.types.Object) -> bpy.types.Object | None:
    return chosen if chosen.type == "ARMATURE" else armature_of(chosen)


def draw(layout: bpy.types.UILayout, item: bpy.types.Object, result: Any) -> None:
    """One row for the form, and below it the clean-up."""
    keyed = result.form == "KEYFRAMES"
    row = layout.row(align=True)
    row.operator("align4d.use_point_cache", text="Point Cache", icon="MOD_MESHDEFORM", depress=not keyed)
    row.operator("align4d.make_keyframes", text="Keyframes", icon="ARMATURE_DATA", depress=keyed)
    column = layout.column()
    column.prop(result, "smooth")
    if keyed:
        _draw_smoothed(column, result)
        column.prop(result, "tolerance")
        column.prop(result, "contacts")
        if result.contacts:
            _draw_contacts(column, result)
    column.prop(result, "in_place")
    if keyed:
        row = column.row()
        row.active = not result.in_place
        row.prop(result, "root_motion")
    row = column.row(align=True)
    row.prop(result, "loop")
    row.operator("align4d.find_loop", text="", icon="VIEWZOOM")
    layout.operator("align4d.clean_up", icon="BRUSH_DATA")


def _draw_smoothed(layout: bpy.types.UILayout, result: Any) -> None:
    """The list of bones with a strength of their own, once there is one; the button that begins it."""
    row = layout.row()
    if not result.smoothed:
        row.operator("align4d.edit_smoothed", text="Smooth a Bone by Itself", icon="ADD").add = True
        return
    row.template_list("ALIGN4D_UL_smoothed", "", result, "smoothed", result, "smoothed_active", rows=2)
    buttons = row.column(align=True)
    buttons.operator("align4d.edit_smoothed", text="", icon="ADD").add = True
    buttons.operator("align4d.edit_smoothed", text="", icon="REMOVE").add = False


def _draw_contacts(layout: bpy.types.UILayout, result: Any) -> None:
    """The list of contacts, to be edited."""
    row = layout.row()
    row.template_list("ALIGN4D_UL_contacts", "", result, "standing", result, "standing_active", rows=3)
    buttons = row.column(align=True)
    buttons.operator("align4d.edit_contacts", text="", icon="ADD").add = True
    buttons.operator("align4d.edit_contacts", text="", icon="REMOVE").add = False
    buttons.operator("align4d.find_contacts", text="", icon="VIEWZOOM")


CLASSES = (ALIGN4D_UL_contacts, ALIGN4D_UL_smoothed)
