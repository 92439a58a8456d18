"""Select Them Too: what hangs on the same armature as the selected meshes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_select_others(bpy.types.Operator):
    """Select the meshes on the same armature too, so that hats, hair and clothes move along"""

    bl_idname = "align4d.select_others"
    bl_label = "Select Them Too"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.capture import choices, guidance

        for item in (*choices.selected_meshes(context), *guidance.left_behind(context)):
            item.select_set(True)
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_select_others,)
