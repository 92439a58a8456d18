"""Look Through Camera: shows the result as the video did."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import bpy

from ..align4d_blender import solved_camera, storage

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_look_through(bpy.types.Operator):
    """Look through the solved camera in this view, with the video behind the mesh. The scene's own camera stays the one that renders"""

    bl_idname = "align4d.look_through"
    bl_label = "Look Through Camera"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return isinstance(context.space_data, bpy.types.SpaceView3D) and any(item.type == "CAMERA" for item in storage.tagged())

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        cameras = [item for item in storage.tagged() if item.type == "CAMERA"]
        own = context.active_object.align4d.job if context.active_object else ""
        camera = next((item for item in cameras if item.align4d.job == own), cameras[-1])
        solved_camera.look_through(camera, cast(bpy.types.SpaceView3D, context.space_data))
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_look_through,)
