"""Which armature moves a mesh, by which bones, and which of these something else moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy


@dataclass(frozen=True)
class DeformingBone:
    """A bone that may move a mesh.

    Attributes:
        name: with its armature's, "ARMATURE/BONE".
        parent: where the nearest bone above it that may move the mesh too stands among these bones; -1 for none.
        rig, bone: its armature and itself there, as the artist has them.
    """

    name: str
    parent: int
    rig: bpy.types.Object
    bone: bpy.types.PoseBone


def armatures_of(item: bpy.types.Object) -> set[bpy.types.Object]:
    """The armatures that an object hangs on, in whatever way."""
    found = {modifier.object for modifier in item.modifiers if isinstance(modifier, bpy.types.ArmatureModifier) and modifier.object}
    return found | ({item.parent} if item.parent and item.parent.type == "ARMATURE" else set())


def deforming(item: bpy.types.Object, shown: bool = False) -> Iterator[bpy.types.Object]:
    """The armatures that deform a mesh by its vertex groups, in their order.

    Args:
        shown: without those whose modifier is switched off in the viewport.
    """
    for modifier in item.modifiers:
        counts = isinstance(modifier, bpy.types.ArmatureModifier) and modifier.use_vertex_groups and (modifier.show_viewport or not shown)
        if counts and modifier.object:
            yield modifier.object
    if item.parent and item.parent.type == "ARMATURE" and item.parent_type == "ARMATURE":
        yield item.parent


def deforming_bones(item: bpy.types.Object) -> list[DeformingBone]:
    """The deforming bones of the armatures that deform a mesh as it is shown, those above others first.

    A bone that deforms nothing stands for the one that rests where it does: rigs with controls keep copies of bones, and hang others on these.
    """
    found: list[DeformingBone] = []
    for rig in dict.fromkeys(deforming(item, shown=True)):
        numbers: dict[str, int] = {}
        resting: dict[tuple[float, ...], int] = {}
        for bone in rig.pose.bones:  # Blender keeps them in the order of a walk down from the roots
            if bone.bone.use_deform:
                above = (numbers.get(one.name, resting.get(_rest(one), -1)) for one in bone.parent_recursive)
                parent = next((number for number in above if number >= 0), -1)
                numbers[bone.name] = len(found)
                resting.setdefault(_rest(bone), len(found))
                found.append(DeformingBone(f"{rig.name}/{bone.name}", parent, rig, bone))
    return found


def _rest(bone: bpy.types.PoseBone) -> tuple[float, ...]:
    """Where a bone begins and ends at rest, without the last digits."""
    return (*bone.bone.head_local.to_tuple(4), *bone.bone.tail_local.to_tuple(4))


def armature_of(item: bpy.types.Object) -> bpy.types.Object | None:
    """The first armature that deforms a mesh; None where there is none."""
    return next(deforming(item), None)


def constrained_bones(rig: bpy.types.Object) -> list[str]:
    """Deforming bones, or bones above one, that a constraint or a driver moves: keys on them would not be what is seen.

    A limit of rotation moves none: motions keep it.
    """
    driven = {path for path in _driven_paths(rig)}
    names = set()
    for bone in rig.pose.bones:
        if not bone.bone.use_deform:
            continue
        for one in (bone, *bone.parent_recursive):
            if any(_moves(constraint) for constraint in one.constraints) or one.path_from_id() in driven:
                names.add(one.name)
    return sorted(names)


def _moves(constraint: bpy.types.Constraint) -> bool:
    return not constraint.mute and constraint.influence > 0 and constraint.type != "LIMIT_ROTATION"


def _driven_paths(rig: bpy.types.Object) -> Iterator[str]:
    """Paths of the pose bones that a driver moves."""
    for curve in rig.animation_data.drivers if rig.animation_data else ():
        if curve.data_path.startswith('pose.bones["') and not curve.mute:
            yield curve.data_path.rpartition(".")[0]
