"""Bake to Shape Keys: the motion as shape keys of the mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..align4d_blender.result.playback import active
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_bake_shape_keys(bpy.types.Operator):
    """Turn the frames that are played into shape keys of the mesh, with keyframes. The motion itself is muted, not removed"""

    bl_idname = "align4d.bake_shape_keys"
    bl_label = "Bake to Shape Keys"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active(context.active_object) is not None and context.mode == "OBJECT"

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import shape_keys

        count = shape_keys.bake(context.active_object)
        self.report({"INFO"}, f"{count} shape keys; the motion itself is muted")
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_bake_shape_keys,)
