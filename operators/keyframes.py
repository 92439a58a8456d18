"""Make Keyframes and Back to Point Cache: the form of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..align4d_blender.errors import UserError
from ..align4d_blender.result.playback import active

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_make_keyframes(bpy.types.Operator):
    """Turn the motion into keyframes: on the mesh's own armature, whose own animation is set aside meanwhile, or on one that is made for it"""

    bl_idname = "align4d.make_keyframes"
    bl_label = "Make Keyframes"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.result import keyframes

        item = context.active_object
        if not keyframes.can_be_keyed(item):
            cls.poll_message_set("Select a mesh whose motion can become keyframes")
            return False
        return context.mode == "OBJECT"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import keyframes

        context.window_manager.progress_begin(0, 1)
        try:
            keyframes.unmake(context.active_object)
            notes = keyframes.make(context.active_object)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            context.window_manager.progress_end()
        for note in notes:
            self.report({"INFO"}, note)
        return {"FINISHED"}


class ALIGN4D_OT_use_point_cache(bpy.types.Operator):
    """Take the keyframes away and play the point cache again; the armature does what it did before"""

    bl_idname = "align4d.use_point_cache"
    bl_label = "Back to Point Cache"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        result = active(context.active_object)
        return result is not None and result.form == "KEYFRAMES" and context.mode == "OBJECT"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import keyframes

        keyframes.unmake(context.active_object)
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_make_keyframes, ALIGN4D_OT_use_point_cache)
