"""An armature made for meshes that have none: bones from the parts that the engine tracked, and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import bpy
import numpy as np

from ...engine.align4d import protocol
from ..errors import UserError
from .armature_action import delete_armature
from .bone_names import names_by_place

MODIFIER = "Align4D Armature"
"""Name of the modifier that deforms a mesh by the made armature."""
SHORTEST = 0.02
"""Of a bone, over the longest side of all that the armature moves: a bone without length is deleted by Blender."""


@dataclass(frozen=True)
class Poses:
    """The poses of a result, see `protocol.POSE_ARRAYS`; all in world space.

    Attributes:
        parent: (K,); joint: (K, 3).
        weights: (B, K) of all baked points.
    """

    parent: np.ndarray
    joint: np.ndarray
    weights: np.ndarray


def read_poses(folder: Path, points: int) -> Poses:
    """The poses of a job with `points` baked points in all. Raises UserError where it has none, or others."""
    advice = "Generate the motion again."
    file = folder / protocol.POSES
    if not file.is_file():
        raise UserError("no_poses", "This result holds no poses, from which an armature could be made.", advice)
    try:
        arrays = protocol.read_arrays(file)
        parent, joint = arrays["parent"], arrays["joint"]
        weights = np.zeros((points, len(parent)))
        weights[arrays["point"], arrays["part"]] = arrays["weight"]
    except Exception as error:  # a foreign file: whatever is wrong with it is said
        raise UserError("bad_result", f"The poses of this result cannot be used ({error}).", advice) from error
    return Poses(parent, joint.astype(np.float64), weights)


def make(items: Sequence[bpy.types.Object], rest: Sequence[np.ndarray], poses: Poses) -> bpy.types.Object:
    """Makes an armature for objects, gives them vertex groups and an Armature modifier in the place of the point cache.

    Args:
        items: the objects, in the order of the job.
        rest: (V, 3) of each, world space.
        poses: of the job.
    """
    points = np.concatenate(list(rest))
    size = float(np.ptp(points, axis=0).max())
    names = names_by_place(poses.joint, points, poses.parent)
    tails = _tails(poses, points, SHORTEST * size)
    rig = _armature(items[0], names, poses, tails)
    offset = 0
    for item, vertices in zip(items, rest, strict=True):
        _bind(item, rig, names, poses.weights[offset : offset + len(vertices)])
        offset += len(vertices)
    return rig


def remove(rig: bpy.types.Object) -> None:
    """Takes a made armature away, with its modifiers, vertex groups and keyframes."""
    names = [bone.name for bone in cast(bpy.types.Armature, rig.data).bones]
    for item in bpy.data.objects:
        modifier = item.modifiers.get(MODIFIER) if item.type == "MESH" else None
        if not isinstance(modifier, bpy.types.ArmatureModifier) or modifier.object != rig:
            continue
        item.modifiers.remove(modifier)
        for group in [one for one in item.vertex_groups if one.name in names]:
            item.vertex_groups.remove(group)
    delete_armature(rig)


def of(item: bpy.types.Object) -> bpy.types.Object | None:
    """The made armature of an object; None where it has none."""
    modifier = item.modifiers.get(MODIFIER) if item.type == "MESH" else None
    return modifier.object if isinstance(modifier, bpy.types.ArmatureModifier) else None


def _tails(poses: Poses, points: np.ndarray, shortest: float) -> np.ndarray:
    """(K, 3) where each bone ends: at its only child's joint, else beyond the middle of what it moves."""
    tails = poses.joint.copy()
    for part in range(len(poses.parent)):
        children = np.flatnonzero(poses.parent == part)
        weight = poses.weights[:, part]
        middle = np.average(points, axis=0, weights=weight) if weight.any() else poses.joint[part]
        along = poses.joint[children[0]] - poses.joint[part] if len(children) == 1 else 2 * (middle - poses.joint[part])
        length = np.linalg.norm(along)
        tails[part] += along if length >= shortest else np.array([0.0, 0.0, shortest])
    return tails


def _armature(beside: bpy.types.Object, names: Sequence[str], poses: Poses, tails: np.ndarray) -> bpy.types.Object:
    """The armature as an object where the root's joint is, upright, in the collections of `beside`."""
    data = bpy.data.armatures.new(f"{beside.name} Armature")
    rig = bpy.data.objects.new(data.name, data)
    for collection in beside.users_collection:
        collection.objects.link(rig)
    origin = poses.joint[int(np.flatnonzero(poses.parent < 0)[0])]
    active, chosen = bpy.context.view_layer.objects.active, list(bpy.context.selected_objects)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        for name in names:
            data.edit_bones.new(name)
        for part, name in enumerate(names):
            bone = data.edit_bones[name]
            bone.head, bone.tail = poses.joint[part] - origin, tails[part] - origin
            if poses.parent[part] >= 0:
                bone.parent = data.edit_bones[names[poses.parent[part]]]
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
        bpy.context.view_layer.objects.active = active
        for item in bpy.context.view_layer.objects:
            item.select_set(item in chosen)
    rig.location = origin
    rig.show_in_front, rig.align4d.made = True, True
    bpy.context.view_layer.update()
    return rig


def _bind(item: bpy.types.Object, rig: bpy.types.Object, names: Sequence[str], weights: np.ndarray) -> None:
    """Vertex groups with the weights (V, K), and an Armature modifier, first in the stack."""
    for part, name in enumerate(names):
        group = item.vertex_groups.new(name=name)
        for vertex in np.flatnonzero(weights[:, part]):
            group.add([int(vertex)], float(weights[vertex, part]), "REPLACE")
    modifier = cast(bpy.types.ArmatureModifier, item.modifiers.new(MODIFIER, "ARMATURE"))
    modifier.object = rig
    item.modifiers.move(len(item.modifiers) - 1, 0)
