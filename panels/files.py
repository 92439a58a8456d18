"""Where the files of this .blend lie, in the sidebar."""

from __future__ import annotations

import bpy

from ..align4d_blender.storage import tags
from . import text

_PACK = "File > External Data > Pack does not take motions along: Bake to Shape Keys puts them into the .blend"


class ALIGN4D_PT_files(bpy.types.Panel):
    """Files that lie elsewhere, and removed results."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_files"
    bl_label = "Files"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 5

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.storage import trash

        return bool(tags.tagged()) or trash.count(bpy.data.filepath) > 0

    def draw(self, context: bpy.types.Context) -> None:
        from ..align4d_blender.result import collecting
        from ..align4d_blender.storage import trash

        layout = self.layout
        count = collecting.count_elsewhere()
        if not bpy.data.filepath:
            text.paragraph(layout, context, "Save the .blend: the motions are copied beside it then", "INFO")
        elif count:
            text.paragraph(layout, context, f"{count} path{'s lead' if count > 1 else ' leads'} out of this .blend's folder", "INFO")
            layout.operator("align4d.collect_files", icon="FILE_FOLDER")
        else:
            text.paragraph(layout, context, "Everything lies beside this .blend: move its folder as a whole", "CHECKMARK")
        text.paragraph(layout, context, _PACK, "INFO")
        thrown = trash.count(bpy.data.filepath)
        if thrown:
            layout.operator("align4d.empty_trash", text=f"Empty Align4D's Trash ({thrown})", icon="TRASH")


CLASSES = (ALIGN4D_PT_files,)
