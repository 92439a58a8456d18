"""Gives the mesh of a .blend the bones and weights of a glTF file whose mesh has the same vertices, and saves it.

Arguments: the .blend, the .glb, where to save. The mesh keeps its shape, in which the armature then rests: each bone goes where the vertices
that it moves have gone, of another size and in another pose than the file's.
"""

from __future__ import annotations

import sys

import bpy
import numpy as np
from mathutils import Matrix


def main(scene: str, rigged: str, save_as: str) -> None:
    bpy.ops.wm.open_mainfile(filepath=scene)
    item = next(one for one in bpy.data.objects if one.type == "MESH")
    before = set(bpy.data.objects)
    bpy.ops.import_scene.gltf(filepath=rigged)
    brought = set(bpy.data.objects) - before
    rig = next(one for one in brought if one.type == "ARMATURE")
    donor = next(one for one in brought if one.type == "MESH" and one.find_armature() is rig)
    if len(donor.data.vertices) != len(item.data.vertices):
        raise SystemExit(f"{rigged} has {len(donor.data.vertices)} vertices, the mesh of {scene} {len(item.data.vertices)}.")
    groups = [item.vertex_groups.new(name=group.name) for group in donor.vertex_groups]
    for vertex in donor.data.vertices:
        for entry in vertex.groups:
            groups[entry.group].add([vertex.index], entry.weight, "REPLACE")
    weights = np.zeros((len(groups), len(donor.data.vertices)))
    for vertex in donor.data.vertices:
        for entry in vertex.groups:
            weights[entry.group, vertex.index] = entry.weight
    move_bones(rig, [group.name for group in groups], weights, places(donor), places(item))
    rig.animation_data_clear()
    for bone in rig.pose.bones:
        bone.matrix_basis = Matrix.Identity(4)
    for one in brought - {rig}:
        bpy.data.objects.remove(one)
    item.modifiers.new("Armature", "ARMATURE").object = rig
    rig.hide_set(True)
    bpy.ops.wm.save_as_mainfile(filepath=save_as)


def places(item: bpy.types.Object) -> np.ndarray:
    """(V, 3) vertices of a mesh object in world space."""
    mesh = item.data
    assert isinstance(mesh, bpy.types.Mesh)
    found = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", found)
    matrix = np.array(item.matrix_world)
    return found.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def move_bones(rig: bpy.types.Object, names: list[str], weights: np.ndarray, there: np.ndarray, here: np.ndarray) -> None:
    """Puts an armature's rest pose from a mesh `there` (V, 3) into the same mesh as it stands `here`.

    Args:
        names: of the bones that `weights` (B, V) are of. Bones that move nothing follow their parents.
    """
    moved = dict(zip(names, weights, strict=True))
    whole = fitted(np.ones(len(there)), there, here, scaled=True)
    size = np.cbrt(np.linalg.det(whole[:3, :3]))
    bpy.context.view_layer.objects.active = rig
    rig.hide_set(False)
    world = rig.matrix_world.copy()
    rig.matrix_world = Matrix.Identity(4)
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in rig.data.edit_bones:
        bone.use_connect = False
    follow: dict[str, np.ndarray] = {}
    for bone in rig.data.edit_bones:  # parents come first
        weight = moved.get(bone.name)
        if weight is not None and weight.sum() > 0:
            follow[bone.name] = fitted(weight, size * there, here, scaled=False) @ np.diag([size, size, size, 1.0])
        else:
            follow[bone.name] = follow[bone.parent.name] if bone.parent else whole
    before = {bone.name: world @ bone.matrix for bone in rig.data.edit_bones}
    lengths = {bone.name: bone.length * world.median_scale * size for bone in rig.data.edit_bones}
    for bone in rig.data.edit_bones:
        place = Matrix(follow[bone.name].tolist()) @ before[bone.name]
        bone.length = lengths[bone.name]
        bone.matrix = Matrix.LocRotScale(place.to_translation(), place.to_quaternion(), None)
    bpy.ops.object.mode_set(mode="OBJECT")


def fitted(weight: np.ndarray, there: np.ndarray, here: np.ndarray, scaled: bool) -> np.ndarray:
    """(4, 4) the rotation and translation, and the scale where it is asked for, that bring points (V, 3) nearest to others (Kabsch, Umeyama)."""
    share = weight[:, None] / weight.sum()
    centers = (share * there).sum(0), (share * here).sum(0)
    first, second = there - centers[0], here - centers[1]
    left, stretch, right = np.linalg.svd((share * second).T @ first)
    stretch[2] *= np.sign(np.linalg.det(left @ right))
    turn = left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right
    size = stretch.sum() / (share * first**2).sum() if scaled else 1.0
    found = np.eye(4)
    found[:3, :3] = size * turn
    found[:3, 3] = centers[1] - size * turn @ centers[0]
    return found


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
