"""The bones of armatures that move an evaluated mesh: where they begin, which hangs on which, and how much each moves each vertex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix

from .armatures import deforming, deforming_bones
from .meshes import read
from .slices import Slices, aside
from .temporary import temporary_scene

_AT_ONCE = 16
"""Vertex groups that are read together."""

_ATTRIBUTE = "align4d_weight_"


def standing_bones(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph, matrix: Matrix) -> dict[str, np.ndarray]:
    """Those of the arrays of `protocol.BONE_ARRAYS` that say how the bones stand and hang together; {} where none moves the object.

    Args:
        depsgraph: evaluated, as the mesh was read.
        matrix: from the object's space to the world's, as the mesh was read.
    """
    bones = deforming_bones(item) if bones_of_groups(item) else []
    if not bones:
        return {}
    back = matrix.inverted_safe()
    shown = [one.rig.evaluated_get(depsgraph) for one in bones]
    head = [back @ rig.matrix_world @ rig.pose.bones[one.bone.name].head for one, rig in zip(bones, shown, strict=True)]
    somewhere = np.nan_to_num(np.array(head, np.float32), posinf=0, neginf=0)  # a bone that is nowhere moves no vertex that is somewhere
    names, parent = zip(*((one.name, one.parent) for one in bones), strict=True)
    return {"names": np.array(names), "parent": np.array(parent, np.int32), "head": somewhere}


def bone_arrays(item: bpy.types.Object, mesh: bpy.types.Mesh, standing: Mapping[str, np.ndarray]) -> Slices[dict[str, np.ndarray] | None]:
    """The arrays of `protocol.BONE_ARRAYS`; None where no bone moves a vertex.

    Args:
        item: the artist's object, with its vertex groups and modifiers.
        mesh: as the artist sees it, with the vertex groups.
        standing: its bones, see `standing_bones`.
    """
    if not standing:
        return None
    groups = bones_of_groups(item)
    found = yield from group_weights(mesh, list(groups))
    vertex = np.concatenate([there for there, _ in found]).astype(np.int32)
    if not len(vertex):
        return None
    names = standing["names"].tolist()
    numbers = np.array([names.index(bone) for bone in groups.values()], np.int32)
    number = np.repeat(numbers, [len(there) for there, _ in found])
    weight = np.concatenate([values for _, values in found])
    order = yield from aside(lambda: np.lexsort((number, vertex)))
    return {**standing, "vertex": vertex[order], "bone": number[order], "weight": weight[order]}


def bones_of_groups(item: bpy.types.Object) -> dict[str, str]:
    """A vertex group -> the bone that it ties the vertices to, "ARMATURE/BONE"."""
    bones: dict[str, str] = {}
    for rig in deforming(item, shown=True):
        names = {bone.name for bone in rig.data.bones if bone.use_deform}
        bones |= {group.name: f"{rig.name}/{group.name}" for group in item.vertex_groups if group.name in names}
    return bones


def group_weights(mesh: bpy.types.Mesh, groups: Sequence[str]) -> Slices[list[tuple[np.ndarray, np.ndarray]]]:
    """For each vertex group the vertices that are in it, and how much.

    Python reads vertex groups a vertex at a time, which takes long; geometry nodes hand them out as attributes, which are read at once.
    """
    found = []
    with temporary_scene("Align4D Weights") as scene:
        item = bpy.data.objects.new("Align4D Weights", mesh)
        scene.collection.objects.link(item)
        modifier = cast(bpy.types.NodesModifier, item.modifiers.new("Weights", "NODES"))
        try:
            for first in range(0, len(groups), _AT_ONCE):
                yield
                tree = _tree(groups[first : first + _AT_ONCE])
                modifier.node_group = tree
                scene.view_layers[0].update()
                shown = item.evaluated_get(scene.view_layers[0].depsgraph).data
                for index in range(len(groups[first : first + _AT_ONCE])):
                    column = read(shown.attributes[f"{_ATTRIBUTE}{index}"].data, "value", 1)
                    (there,) = np.nonzero(column > 0)
                    found.append((there, column[there]))
                modifier.node_group = None
                bpy.data.node_groups.remove(tree)
        finally:
            left = modifier.node_group
            bpy.data.objects.remove(item)
            if left:
                bpy.data.node_groups.remove(left)
    return found


def _tree(groups: Sequence[str]) -> bpy.types.NodeTree:
    """Geometry nodes that store each group's weights as an attribute."""
    tree = bpy.data.node_groups.new("Align4D Weights", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    last = tree.nodes.new("NodeGroupInput").outputs[0]
    for index, group in enumerate(groups):
        weight = cast(bpy.types.GeometryNodeInputNamedAttribute, tree.nodes.new("GeometryNodeInputNamedAttribute"))
        store = cast(bpy.types.GeometryNodeStoreNamedAttribute, tree.nodes.new("GeometryNodeStoreNamedAttribute"))
        weight.data_type = store.data_type = "FLOAT"
        weight.inputs["Name"].default_value, store.inputs["Name"].default_value = group, f"{_ATTRIBUTE}{index}"
        tree.links.new(last, store.inputs["Geometry"])
        value = next(socket for socket in store.inputs if socket.enabled and socket.type == "VALUE")
        tree.links.new(next(socket for socket in weight.outputs if socket.enabled and socket.type == "VALUE"), value)
        last = store.outputs["Geometry"]
    tree.links.new(last, tree.nodes.new("NodeGroupOutput").inputs[0])
    return tree
