"""Pose by Hand, Keep This Pose, Solve Around Poses, Other Way: what the artist corrects in a motion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import EnumProperty, IntProperty

from ..align4d_blender.errors import UserError
from ..align4d_blender.result.playback import active, scene_frame, scene_of
from ..align4d_blender.storage.remembered import remembered
from .in_slices import InSlices
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ..align4d_blender.capture.slices import Words

_choices: list[tuple[str, str, str]] = []
"""Items of the list of limbs; Blender keeps no reference of its own."""


class _OnMotion:
    """Operators on the mesh whose motion the active object shows: itself, or the one that an armature moves."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.result import hand

        if hand.mesh_of(context.active_object) is None:
            cls.poll_message_set("Select a mesh with a motion, or its armature")
            return False
        return context.mode in {"OBJECT", "POSE"}


def _mesh(context: bpy.types.Context) -> bpy.types.Object:
    from ..align4d_blender.result import hand

    item = hand.mesh_of(context.active_object)
    assert item is not None  # poll has asked
    return item


class ALIGN4D_OT_pose_by_hand(_OnMotion, InSlices, bpy.types.Operator):
    """Show the motion by bones, its own or some that are made for it, and pose them. Back to Point Cache takes them away again"""

    bl_idname = "align4d.pose_by_hand"
    bl_label = "Pose by Hand"
    bl_options = {"REGISTER", "UNDO", "BLOCKING"}
    begins = "Reading the meshes"

    def work(self, context: bpy.types.Context) -> Words[list[str]]:
        from ..align4d_blender.result import keyframes

        item = _mesh(context)
        return (yield from keyframes.making(item)) if active(item).form == "CACHE" else []

    def done(self, context: bpy.types.Context, made: list[str]) -> None:
        from ..align4d_blender.result import hand

        super().done(context, made)
        rig = hand.armatures(_mesh(context))[0]
        for other in context.selected_objects:
            other.select_set(False)
        rig.hide_set(False)
        rig.select_set(True)
        context.view_layer.objects.active = rig
        bpy.ops.object.mode_set(mode="POSE")


class ALIGN4D_OT_keep_pose(_OnMotion, bpy.types.Operator):
    """Keep the pose that is shown as the true one of this frame"""

    bl_idname = "align4d.keep_pose"
    bl_label = "Keep This Pose"
    bl_options = {"REGISTER", "UNDO"}

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import hand

        frame = hand.keep_pose(_mesh(context))
        self.report({"INFO"}, f"The pose of the motion's frame {frame + 1} is kept")
        return {"FINISHED"}


class ALIGN4D_OT_forget_pose(_OnMotion, bpy.types.Operator):
    """Take this pose off the list"""

    bl_idname = "align4d.forget_pose"
    bl_label = "Forget This Pose"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(name="Number", description="Its place on the list, counted from 0", min=0, options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import hand

        hand.forget_pose(_mesh(context), self.index)
        return {"FINISHED"}


class ALIGN4D_OT_show_motion_frame(_OnMotion, bpy.types.Operator):
    """Go to this frame of the motion"""

    bl_idname = "align4d.show_motion_frame"
    bl_label = "Go to Frame"
    bl_options = {"REGISTER", "UNDO"}

    frame: IntProperty(name="Frame", description="Frame of the motion, counted from 1", min=1, default=1)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        item = _mesh(context)
        place = scene_frame(active(item), scene_of(item), self.frame - 1)
        context.scene.frame_set(int(place // 1), subframe=place % 1)
        return {"FINISHED"}


class ALIGN4D_OT_solve_around_poses(_OnMotion, bpy.types.Operator):
    """Solve the frames between kept poses anew, and those where a limb goes the other way. The new motion comes as a result of its own"""

    bl_idname = "align4d.solve_around_poses"
    bl_label = "Solve Around Poses"
    bl_options = {"REGISTER"}

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.jobs import hand, queue

        item = _mesh(context)
        if context.mode == "POSE":
            bpy.ops.object.mode_set(mode="OBJECT")
        job = hand.solve_around_pins(item)
        context.view_layer.objects.active = item
        item.select_set(True)
        if not bpy.app.background:
            queue.watch()
            return {"FINISHED"}
        queue.wait(job)
        if job.error:
            raise job.error
        return {"FINISHED"}


@remembered
def _limbs_of(item: bpy.types.Object, _job: str) -> list[tuple[str, str, str]]:
    from ..align4d_blender.result import hand

    try:
        return [(str(part), name, f"{name}, and all that hangs on it") for part, name in hand.limbs(item)]
    except UserError:
        return []


def _limbs(_self: Any, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    from ..align4d_blender.result import hand

    item = hand.mesh_of(context.active_object) if context else None
    _choices[:] = _limbs_of(item, active(item).job) if item else []
    return _choices


class ALIGN4D_OT_other_way(_OnMotion, bpy.types.Operator):
    """Let a limb bend towards the camera in the place of away from it, or the other way round: one video shows both alike"""

    bl_idname = "align4d.other_way"
    bl_label = "Other Way"
    bl_options = {"REGISTER"}

    limb: EnumProperty(name="Limb", description="What bends the other way, with all that hangs on it", items=_limbs)
    first: IntProperty(name="First", description="First frame of the motion in which it does, counted from 1", min=1, default=1)
    last: IntProperty(name="Last", description="Last frame of the motion in which it does; 0 goes up to the end", min=0, default=0)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        item = _mesh(context)
        bone = context.active_pose_bone
        chosen = [part for part, name, _ in _limbs_of(item, active(item).job) if bone and name == bone.name]
        if chosen:
            self.limb = chosen[0]
        self.first, self.last = 1, active(item).frames
        return context.window_manager.invoke_props_dialog(self)

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.jobs import hand

        item = _mesh(context)
        if not self.limb:
            raise UserError("no_limb", "This motion has no limb that is known.", "Generate it again with the preset Artist or Draft.")
        if context.mode == "POSE":
            bpy.ops.object.mode_set(mode="OBJECT")
        hand.other_way(item, int(self.limb), self.first - 1, (self.last or active(item).frames) - 1)
        context.view_layer.objects.active = item
        item.select_set(True)
        return {"FINISHED"}


CLASSES = (
    ALIGN4D_OT_pose_by_hand,
    ALIGN4D_OT_keep_pose,
    ALIGN4D_OT_forget_pose,
    ALIGN4D_OT_show_motion_frame,
    ALIGN4D_OT_solve_around_poses,
    ALIGN4D_OT_other_way,
)
