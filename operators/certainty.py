"""Show Doubt: colors that say how firmly the clip holds the motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_show_doubt(bpy.types.Operator):
    """Color the mesh by how sure the motion is in the frame that is shown: blue is held by the clip, red is a guess. Press again to end it"""

    bl_idname = "align4d.show_doubt"
    bl_label = "Show Doubt"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.result import hand

        return hand.mesh_of(context.active_object) is not None

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import certainty, hand

        item = hand.mesh_of(context.active_object)
        assert item is not None  # poll has asked
        space = context.space_data if isinstance(context.space_data, bpy.types.SpaceView3D) else None
        for area in context.screen.areas if context.screen else ():
            if area.type == "DOPESHEET_EDITOR":
                area.tag_redraw()  # its strip comes and goes with the colors
        if certainty.is_shown(item):
            certainty.hide(item)
            if space:
                space.shading.color_type = "MATERIAL"
            return {"FINISHED"}
        certainty.show(item)
        if space:
            space.shading.type, space.shading.color_type = "SOLID", "VERTEX"
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_show_doubt,)
