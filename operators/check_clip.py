"""Check Clip: what is good and bad about the reference video, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_check_clip(bpy.types.Operator):
    """Say what is good and bad about the video: rate, length, cuts, background, sharpness, size of the object, and whether the camera moves"""

    bl_idname = "align4d.check_clip"
    bl_label = "Check Clip"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.align4d.video:
            cls.poll_message_set("Choose a video")
            return False
        return True

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.capture import clip_report

        clip_report.ask_about(context.scene)
        if bpy.app.background:
            clip_report.question.wait()
            for finding in clip_report.report(context.scene) or ():
                self.report({"INFO"} if finding["good"] else {"WARNING"}, finding["sentence"])
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_check_clip,)
