"""What the artist corrects in a motion by hand: kept poses, and limbs that bend the other way."""

from __future__ import annotations

import bpy

from ..align4d_blender.errors import UserError
from ..align4d_blender.result.playback import active
from ..align4d_blender.storage.remembered import remembered
from . import text


class ALIGN4D_PT_hand(bpy.types.Panel):
    """The artist's hand on a result."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_hand"
    bl_parent_id = "ALIGN4D_PT_result"
    bl_label = "Correct by Hand"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.result import hand

        return hand.mesh_of(context.active_object) is not None

    def draw(self, context: bpy.types.Context) -> None:
        from ..align4d_blender.result import hand

        layout, item = self.layout, hand.mesh_of(context.active_object)
        if item is None:
            return
        result = active(item)
        if not _can_be_corrected(item, result.motion):
            words = "This motion cannot be corrected: generate it again with the preset Artist or Draft"
            text.paragraph(layout, context, words, "INFO")
            return
        layout.operator("align4d.other_way", icon="MOD_MIRROR")
        layout.separator()
        if context.mode != "POSE":
            layout.operator("align4d.pose_by_hand", icon="POSE_HLT")
        elif result.form == "KEYFRAMES":
            layout.operator("align4d.use_point_cache", icon="MOD_MESHDEFORM")
        layout.operator("align4d.keep_pose", icon="PINNED")
        column = layout.column(align=True)
        for index, pin in sorted(enumerate(result.pins), key=lambda pair: pair[1].frame):
            row = column.row(align=True)
            row.operator("align4d.show_motion_frame", text=f"Frame {pin.frame}", icon="PINNED").frame = pin.frame
            row.operator("align4d.forget_pose", text="", icon="X").index = index
        row = layout.row()
        row.enabled = bool(result.pins) or _can_be_solved(item, result.motion)
        row.operator("align4d.solve_around_poses", icon="CON_FOLLOWPATH")


@remembered
def _can_be_corrected(item: bpy.types.Object, _motion: str) -> bool:
    from ..align4d_blender.result import hand

    return hand.can_be_corrected(item)


@remembered
def _can_be_solved(item: bpy.types.Object, _motion: str) -> bool:
    from ..align4d_blender.result import hand

    return hand.can_be_solved(item)


class ALIGN4D_PT_certainty(bpy.types.Panel):
    """What of the motion the clip holds firmly, and what is a guess."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_certainty"
    bl_parent_id = "ALIGN4D_PT_result"
    bl_label = "Least Sure"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.result import hand

        item = hand.mesh_of(context.active_object)
        return item is not None and _tells(item, active(item).motion)

    def draw(self, context: bpy.types.Context) -> None:
        from ..align4d_blender.result import certainty, hand

        layout, item = self.layout, hand.mesh_of(context.active_object)
        if item is None:
            return
        layout.operator("align4d.show_doubt", icon="COLOR", depress=certainty.is_shown(item))
        try:
            limbs = certainty.least_sure(item)
        except UserError as error:
            text.paragraph(layout, context, str(error), "ERROR")
            return
        column = layout.column(align=True)
        for limb in limbs:
            words = f"{limb.name}, frame {limb.frame + 1}: {limb.doubt:.1%}{', hidden' if limb.hidden else ''}"
            column.operator("align4d.show_motion_frame", text=words, icon="TIME").frame = limb.frame + 1


@remembered
def _tells(item: bpy.types.Object, _motion: str) -> bool:
    from ..align4d_blender.result import certainty

    return certainty.is_known(active(item))


CLASSES = (ALIGN4D_PT_hand, ALIGN4D_PT_certainty)
