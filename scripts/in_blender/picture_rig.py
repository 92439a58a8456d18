"""Renders the keyed rig of an animated .blend at some moments with Cycles: the mesh, and its bones by themselves.

Runs inside a Blender that has the extension installed; arguments: BLEND FOLDER SIZE COUNT. Writes FOLDER/mesh_0.png, FOLDER/bones_0.png and
so on, transparent where nothing is, and FOLDER/keyed.blend, the rig with its keyframes alone. The last line on stdout is "ALIGN4D " and one
JSON object.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from pathlib import Path
from typing import Any, cast

import bpy
import numpy as np
from mathutils import Matrix, Vector

EXTENSION = "bl_ext.user_default.align4d"
SAMPLES = 24
DIRECTION = Vector((0.75, -0.6, 0.35))
"""From the mesh to the camera: half from the side, a little from above."""
WIDTH = 0.1
"""Of a drawn bone, over its length, as Blender's octahedra are."""


def main(blend: str, folder: str, size: str, count: str) -> None:
    bpy.ops.preferences.addon_enable(module=EXTENSION)
    bpy.ops.wm.open_mainfile(filepath=blend)
    item = next(one for one in bpy.data.objects if one.type == "MESH" and one.align4d.results)
    for one in bpy.context.view_layer.objects:
        one.select_set(one == item)
    bpy.context.view_layer.objects.active = item
    bpy.ops.align4d.make_keyframes()
    rig = library("capture.armatures").armature_of(item)
    scene = bpy.context.scene
    prepare(scene, int(size))
    result = item.align4d.results[0]
    times = library("result.playback").playback(result, scene)
    frames = np.linspace(times.start, times.start + times.length, int(count) + 1)[1:]
    scene.camera = camera_for(item, frames)
    drawn = bpy.data.objects.new("Bones", bpy.data.meshes.new("Bones"))
    scene.collection.objects.link(drawn)
    drawn.data.materials.append(flat_material())
    for index, frame in enumerate(frames):
        scene.frame_set(round(frame))
        render(scene, item, drawn, Path(folder) / f"mesh_{index}.png")
        draw_bones(rig, cast(bpy.types.Mesh, drawn.data), 0.15 * max(item.dimensions.to_tuple()))
        render(scene, drawn, item, Path(folder) / f"bones_{index}.png")
    save_keyed(item, Path(folder) / "keyed.blend", times.start, math.ceil(times.start + times.length))
    print("ALIGN4D " + json.dumps({"error": ""}), flush=True)


def library(name: str) -> Any:
    """A module of the installed extension's own library."""
    return importlib.import_module(f"{EXTENSION}.align4d_blender.{name}")


def save_keyed(item: bpy.types.Object, path: Path, first: int, last: int) -> None:
    """Saves the mesh with its armature and keyframes, and nothing else: no point cache, nothing of the extension's, no path."""
    rig = library("capture.armatures").armature_of(item)
    rig.animation_data.action.use_fake_user = True
    item.modifiers.remove(library("storage.tags").point_cache(item))
    for other in [one for one in bpy.data.objects if one not in (item, rig)]:
        bpy.data.objects.remove(other)
    scene = bpy.context.scene
    for one in (item, rig, scene):
        one.property_unset("align4d")
    scene.frame_start, scene.frame_end = first, last
    scene.render.filepath = "/" * 1000  # Blender saves what a shorter path leaves of the one before
    scene.render.filepath = "//"
    item.hide_render = rig.hide_render = False
    rig.hide_set(False)
    bpy.ops.file.pack_all()
    for image in bpy.data.images:
        image.filepath = f"//{image.name}.png" if image.packed_file else ""
    bpy.ops.outliner.orphans_purge(do_recursive=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True, copy=True)


def prepare(scene: bpy.types.Scene, size: int) -> None:
    scene.render.engine = "CYCLES"  # type: ignore[assignment]  # the stubs only know the engines that are built in
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.cycles.samples, scene.cycles.use_denoising = SAMPLES, False
    scene.view_settings.view_transform = "Standard"  # type: ignore[assignment]  # the stubs know none
    for one in [one for one in scene.objects if one.type == "LIGHT"]:
        one.hide_render = True
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 2.5, (math.radians(35), math.radians(20), math.radians(30))
    scene.collection.objects.link(sun)


def camera_for(item: bpy.types.Object, frames: np.ndarray) -> bpy.types.Object:
    """A camera that sees the mesh in all frames."""
    points = []
    for frame in frames:
        bpy.context.scene.frame_set(round(frame))
        evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
        points += [evaluated.matrix_world @ Vector(corner) for corner in evaluated.bound_box]
    low, high = np.array(points).min(0), np.array(points).max(0)
    camera = bpy.data.objects.new("Picture", bpy.data.cameras.new("Picture"))
    bpy.context.scene.collection.objects.link(camera)
    back = DIRECTION.normalized()
    camera.matrix_world = (
        Matrix.Translation(Vector(((low + high) / 2).tolist()) + back * 1.9 * float((high - low).max()))
        @ back.to_track_quat("Z", "Y").to_matrix().to_4x4()
    )
    return camera


def draw_bones(rig: bpy.types.Object, mesh: bpy.types.Mesh, longest: float) -> None:
    """The posed bones that have weights, as octahedra from joint to joint; the last of a chain as they are, at most `longest` long."""
    used = used_groups(rig)
    vertices: list[Vector] = []
    faces: list[tuple[int, ...]] = []
    for bone in [one for one in rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones if one.name in used]:
        head = rig.matrix_world @ bone.head
        ends = [rig.matrix_world @ child.head for child in bone.children if child.name in used]
        along = [end - head for end in ends if (end - head).length > 0.02 * longest]
        if not along:
            tip = rig.matrix_world @ bone.tail - head
            along = [tip.normalized() * min(tip.length, longest)]
        for line in along:
            first, turn = len(vertices), line.to_track_quat("Y", "Z").to_matrix()
            thick, length = WIDTH * line.length, line.length
            ring = [(x * thick, 0.1 * length, z * thick) for x, z in ((1, 1), (1, -1), (-1, -1), (-1, 1))]
            vertices += [head + turn @ Vector(corner) for corner in [(0, 0, 0), *ring, (0, length, 0)]]
            for side in range(4):
                one, other = first + 1 + side, first + 1 + (side + 1) % 4
                faces += [(first, one, other), (first + 5, other, one)]
    mesh.clear_geometry()
    mesh.from_pydata([vertex.to_tuple() for vertex in vertices], [], faces)
    mesh.update()


def used_groups(rig: bpy.types.Object) -> set[str]:
    """Bones that a mesh has weights for."""
    return {group.name for item in bpy.data.objects if item.type == "MESH" and item.align4d.results for group in item.vertex_groups}


def flat_material() -> bpy.types.Material:
    material = bpy.data.materials.new("Bones")
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (0.05, 0.35, 0.8, 1)
    shader.inputs["Roughness"].default_value = 0.9
    return material


def render(scene: bpy.types.Scene, shown: bpy.types.Object, hidden: bpy.types.Object, path: Path) -> None:
    shown.hide_render, hidden.hide_render = False, True
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
