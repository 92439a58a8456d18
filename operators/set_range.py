"""Set Range: the scene's frames, wide enough for a motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..align4d_blender.result.active_mesh import mesh_meant
from ..align4d_blender.result.playback import active, wanted_range

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_set_range(bpy.types.Operator):
    """Make the scene's range of frames wide enough for the whole motion of the active object"""

    bl_idname = "align4d.set_range"
    bl_label = "Set Range"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active(mesh_meant(context.active_object)) is not None

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        scene, item = context.scene, mesh_meant(context.active_object)
        assert item is not None  # poll has asked
        scene.frame_start, scene.frame_end = wanted_range(item, scene)
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_set_range,)
