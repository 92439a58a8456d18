"""Exports in the sidebar: a button for each format."""

from __future__ import annotations

import bpy

from ..operators.exports import CLASSES as EXPORTS


class ALIGN4D_PT_exports(bpy.types.Panel):
    """The motion for other programs."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_exports"
    bl_label = "Export"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 4

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for export in EXPORTS:
            column.operator(export.bl_idname, text=export.bl_label.removeprefix("Export "), icon="EXPORT")


CLASSES = (ALIGN4D_PT_exports,)
