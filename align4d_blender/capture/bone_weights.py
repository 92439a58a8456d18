"""How much each bone of an armature moves each vertex of an evaluated mesh: the artist's own skinning weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import bpy
import numpy as np


def bone_weights(item: bpy.types.Object, evaluated: bpy.types.Object, depsgraph: bpy.types.Depsgraph, count: int) -> dict[str, np.ndarray] | None:
    """The arrays of `protocol.BONE_ARRAYS`; None where no bone moves the object.

    Args:
        item: the artist's object, with its vertex groups and modifiers.
        evaluated: the same as the artist sees it.
        depsgraph: of `evaluated`.
        count: vertices of the evaluated mesh.
    """
    bones = _bones_of_groups(item)
    if not bones:
        return None
    own = cast(bpy.types.Mesh, item.data)
    if len(own.vertices) == count:
        return _arrays(own, bones)
    # a subdivision and its like carry the weights on, but only a copy with all layers shows them
    copy = bpy.data.meshes.new_from_object(evaluated, preserve_all_data_layers=True, depsgraph=depsgraph)
    try:
        return _arrays(copy, bones) if len(copy.vertices) == count else None
    finally:
        bpy.data.meshes.remove(copy)


def _bones_of_groups(item: bpy.types.Object) -> dict[int, str]:
    """Index of a vertex group -> the bone that it ties the vertices to, "ARMATURE/BONE"."""
    bones: dict[int, str] = {}
    for rig in _rigs(item):
        deforming = {bone.name for bone in rig.data.bones if bone.use_deform}
        bones |= {group.index: f"{rig.name}/{group.name}" for group in item.vertex_groups if group.name in deforming}
    return bones


def _rigs(item: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """The armatures that deform an object by vertex groups."""
    for modifier in item.modifiers:
        if isinstance(modifier, bpy.types.ArmatureModifier) and modifier.object and modifier.show_viewport and modifier.use_vertex_groups:
            yield modifier.object
    if item.parent and item.parent.type == "ARMATURE" and item.parent_type == "ARMATURE":
        yield item.parent


def _arrays(mesh: bpy.types.Mesh, bones: dict[int, str]) -> dict[str, np.ndarray] | None:
    names = sorted(set(bones.values()))
    number = {group: names.index(bone) for group, bone in bones.items()}
    found = [
        (vertex.index, number[entry.group], entry.weight)
        for vertex in mesh.vertices
        for entry in vertex.groups
        if entry.weight > 0 and entry.group in number
    ]
    if not found:
        return None
    vertex, bone, weight = zip(*found, strict=True)
    return {
        "names": np.array(names),
        "vertex": np.array(vertex, np.int32),
        "bone": np.array(bone, np.int32),
        "weight": np.array(weight, np.float32),
    }
