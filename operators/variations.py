"""Variations: the same motion solved again with other seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import IntProperty

from ..align4d_blender.result.playback import active
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_variations(bpy.types.Operator):
    """Solve this motion again with other seeds. Each variation comes as a result of its own, beside this one: choose the best on the list"""

    bl_idname = "align4d.variations"
    bl_label = "Variations"
    bl_options = {"REGISTER"}

    count: IntProperty(name="How Many", description="So many jobs are started, one after the other", min=1, max=16, default=3)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active(context.active_object) is None:
            cls.poll_message_set("Select an object with a motion")
            return False
        return context.mode == "OBJECT"

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        return context.window_manager.invoke_props_dialog(self)

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.jobs import queue, variations

        jobs = variations.vary(context.active_object, self.count)
        if not bpy.app.background:
            queue.watch()
            return {"FINISHED"}
        for job in jobs:
            queue.wait(job)
            if job.error:
                raise job.error
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_variations,)
