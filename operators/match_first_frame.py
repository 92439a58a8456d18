"""Match First Frame: whether the mesh, as it stands before the start camera, looks like the clip's first frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_match_first_frame(bpy.types.Operator):
    """Lay the selected meshes, as the start camera sees them now, over the video's first frame, and say how much of it agrees"""

    bl_idname = "align4d.match_first_frame"
    bl_label = "Match First Frame"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.capture.choices import selected_meshes

        if not context.scene.align4d.video:
            cls.poll_message_set("Choose a video")
            return False
        if not selected_meshes(context):
            cls.poll_message_set("Select the mesh that the video is to move")
            return False
        return True

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.capture import first_frame_match

        first_frame_match.ask_about(context)
        if bpy.app.background:
            first_frame_match.question.wait()
            found = first_frame_match.found(context.scene)
            if found:
                self.report({"INFO"} if found["good"] else {"WARNING"}, found["sentence"])
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_match_first_frame,)
