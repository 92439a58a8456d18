"""Variations: the same motion solved again with other seeds or presets, and all of them side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, IntProperty
from mathutils import Vector

from ..align4d_blender.result.playback import active
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_variations(bpy.types.Operator):
    """Solve this motion again with other seeds or presets. Each comes as a result of its own, beside this one: choose the best on the list"""

    bl_idname = "align4d.variations"
    bl_label = "Variations"
    bl_options = {"REGISTER"}

    count: IntProperty(name="Seeds", description="So many jobs are started, each with a seed of its own", min=0, max=16, default=3)
    draft: BoolProperty(name="Preset Draft", description="One more, by the preset Draft")
    artist: BoolProperty(name="Preset Artist", description="One more, by the preset Artist")

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

        presets = [name for name in ("draft", "artist") if getattr(self, name)]
        jobs = variations.vary(context.active_object, self.count, presets)
        if not bpy.app.background:
            queue.watch()
            return {"FINISHED"}
        for job in jobs:
            queue.wait(job)
            if job.error:
                raise job.error
        return {"FINISHED"}


class ALIGN4D_OT_all_side_by_side(bpy.types.Operator):
    """Show all motions of this object side by side; once more takes the others away. A click on one, and Use This One, chooses it"""

    bl_idname = "align4d.all_side_by_side"
    bl_label = "All Side by Side"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        item = context.active_object
        if item is None or len(item.align4d.results) < 2:
            cls.poll_message_set("Select an object with more than one motion")
            return False
        return context.mode == "OBJECT"

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import beside, side_by_side

        item = context.active_object
        if beside.of(item):
            side_by_side.close(item)
            return {"FINISHED"}
        view = context.region_data
        side_by_side.lay_out(item, view.view_rotation @ Vector((1, 0, 0)) if view else Vector((1, 0, 0)))
        return {"FINISHED"}


class ALIGN4D_OT_use_this_one(bpy.types.Operator):
    """Let the object play the motion that is shown here, and take away what is shown beside it"""

    bl_idname = "align4d.use_this_one"
    bl_label = "Use This One"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.result import beside

        if beside.owner(context.active_object) is None:
            cls.poll_message_set("Select a motion that is shown beside its object")
            return False
        return context.mode == "OBJECT"

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import side_by_side

        item = side_by_side.choose(context.active_object)
        context.view_layer.objects.active = item
        item.select_set(True)
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_variations, ALIGN4D_OT_all_side_by_side, ALIGN4D_OT_use_this_one)
