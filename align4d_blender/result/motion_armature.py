"""A stand-in for an armature whose bones constraints or drivers move: it takes the keyframes, and the bones follow it."""

from __future__ import annotations

import bpy

from ..capture.armatures import constrained_bones
from .armature_action import delete_armature

FOLLOWS = "Align4D"
"""Name of the constraint by which a bone follows the stand-in."""


def stand_in(rig: bpy.types.Object) -> bpy.types.Object | None:
    """A copy of the armature without constraints and drivers, whose deforming bones the armature's own follow.

    None where no deforming bone is moved by any: the keys can be on the armature itself.
    """
    if not constrained_bones(rig):
        return None
    if existing := of(rig):
        return existing
    copy = bpy.data.objects.new(f"{rig.name} Motion", rig.data.copy())
    for collection in rig.users_collection:
        collection.objects.link(copy)
    copy.matrix_world = rig.matrix_world.copy()
    copy.align4d.stands_for = rig
    bpy.context.view_layer.update()
    for bone in rig.pose.bones:
        copy.pose.bones[bone.name].rotation_mode = bone.rotation_mode
        if bone.bone.use_deform:
            follow = bone.constraints.new("COPY_TRANSFORMS")
            follow.name, follow.target, follow.subtarget = FOLLOWS, copy, bone.name
    copy.hide_render, copy.display_type = True, "WIRE"
    return copy


def of(rig: bpy.types.Object) -> bpy.types.Object | None:
    """The stand-in of an armature; None where it has none."""
    return next((item for item in bpy.data.objects if item.type == "ARMATURE" and item.align4d.stands_for == rig), None)


def remove(rig: bpy.types.Object) -> None:
    """Takes the stand-in of an armature away, and the constraints by which its bones follow."""
    copy = of(rig)
    if copy is None:
        return
    for bone in rig.pose.bones:
        for constraint in [one for one in bone.constraints if one.type == "COPY_TRANSFORMS" and one.target == copy]:
            bone.constraints.remove(constraint)
    delete_armature(copy)
