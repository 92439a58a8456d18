"""How far a skinned mesh's edges stretch where each joint of its armature is bent, by its own weights or by Blender's automatic ones."""

from __future__ import annotations

import math
from typing import cast

import bmesh
import bpy
import numpy as np
from mathutils import Quaternion

ANGLE = math.radians(45)
"""How far a joint is bent, both ways."""
AXES = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
"""Across a bone, which points along Y."""
LEAST = 0.9
"""Part of the vertices that Blender has to find weights for."""
WORST = 99
"""Percentile of the edges that tells of a bend."""


def stretches(item: bpy.types.Object, rig: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """(B,) twice, see `stretch_of`: by the mesh's own weights, and by those of Armature Deform > With Automatic Weights.

    Both on copies whose vertices are merged where they lie on each other, without which Blender finds none, and at the edges that it finds
    weights for; where those are few even so, the second is empty, and the first is of all edges.
    """
    if rig.animation_data:
        rig.animation_data.action = None
    for bone in rig.pose.bones:
        bone.matrix_basis.identity()  # Blender weighs by the bones as they are posed
    bpy.context.view_layer.update()
    own, automatic = _welded(item, rig), _welded(item, rig)
    automatic.vertex_groups.clear()
    automatic.modifiers.clear()
    bpy.ops.object.select_all(action="DESELECT")
    for one in (automatic, rig):
        one.select_set(True)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.parent_set(type="ARMATURE_AUTO")
    weighted = np.array([bool(vertex.groups) for vertex in automatic.data.vertices])
    if weighted.mean() < LEAST:
        return stretch_of(own, rig), np.array([])
    reached = np.array([weighted[list(edge.vertices)].all() for edge in automatic.data.edges])
    return stretch_of(own, rig, reached), stretch_of(automatic, rig, reached)


def _welded(item: bpy.types.Object, rig: bpy.types.Object) -> bpy.types.Object:
    copy = bpy.data.objects.new("Welded", item.data.copy())
    bpy.context.scene.collection.objects.link(copy)
    for group in item.vertex_groups:
        copy.vertex_groups.new(name=group.name)
    size = float(np.array(item.dimensions).max())
    mesh = cast(bpy.types.Mesh, copy.data)
    graph = bmesh.new()
    graph.from_mesh(mesh)
    bmesh.ops.transform(graph, matrix=item.matrix_world, verts=list(graph.verts))
    bmesh.ops.remove_doubles(graph, verts=list(graph.verts), dist=1e-5 * size)
    graph.to_mesh(mesh)
    graph.free()
    copy.modifiers.new("Armature", "ARMATURE").object = rig
    return copy


def stretch_of(item: bpy.types.Object, rig: bpy.types.Object, edges: np.ndarray | None = None) -> np.ndarray:
    """(B,) for each bend of a joint, by how much the edges that suffer most are longer or shorter than at rest: 0 for not at all.

    `edges` (E,) says which count; all do without it. The armature stands in its rest position but for the joint; it is left so.
    """
    for bone in rig.pose.bones:
        bone.matrix_basis.identity()
        bone.rotation_mode = "QUATERNION"
    counting = slice(None) if edges is None else edges
    rest = _lengths(item)[counting]
    found = []
    for bone in [one for one in rig.pose.bones if one.parent]:
        for axis in AXES:
            for sign in (1, -1):
                bone.rotation_quaternion = Quaternion(axis, sign * ANGLE)
                ratio = _lengths(item)[counting] / rest
                found.append(np.percentile(np.maximum(ratio, 1 / np.maximum(ratio, 1e-9)), WORST) - 1)
        bone.rotation_quaternion = Quaternion()
    return np.array(found)


def _lengths(item: bpy.types.Object) -> np.ndarray:
    """(E,) of the edges as they are shown; those of no length at rest are left out by what divides them: they stay as they are."""
    bpy.context.view_layer.update()
    evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    points, edges = np.empty(len(mesh.vertices) * 3, np.float32), np.empty(len(mesh.edges) * 2, np.int32)
    mesh.vertices.foreach_get("co", points)
    mesh.edges.foreach_get("vertices", edges)
    evaluated.to_mesh_clear()
    ends = points.reshape(-1, 3)[edges.reshape(-1, 2)]
    return np.maximum(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1), 1e-9)
