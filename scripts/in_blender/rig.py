"""Gives the mesh of a .blend the bones and weights of a glTF file whose mesh has the same vertices, and saves it.

Arguments: the .blend, the .glb, where to save. The mesh keeps its shape: the armature rests.
"""

from __future__ import annotations

import sys

import bpy


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
    rig.data.pose_position = "REST"
    for one in brought - {rig}:
        bpy.data.objects.remove(one)
    item.modifiers.new("Armature", "ARMATURE").object = rig
    rig.hide_set(True)
    bpy.ops.wm.save_as_mainfile(filepath=save_as)


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
