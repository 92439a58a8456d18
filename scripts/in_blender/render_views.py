"""Renders an animated .blend twice with Cycles: by the solved camera, and from another side. Saves nothing but the pictures.

Runs inside Blender; arguments: BLEND FOLDER SIZE. Writes FOLDER/solved/0001.png… and FOLDER/side/0001.png…, transparent
where nothing is; says on stdout how far it is, as generate.py does.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

CAMERA = "Align4D Camera"
SAMPLES = 24
TURN = 60
"""Degrees between the two views."""


def main(blend: str, folder: str, size: str) -> None:
    bpy.ops.wm.open_mainfile(filepath=blend)
    scene = bpy.context.scene
    solved = bpy.data.objects[CAMERA]
    meshes = [item for item in scene.objects if item.type == "MESH"]
    prepare(scene, int(size))
    add_sun(scene, solved)
    views = {"solved": solved, "side": side_camera(scene, solved, center_of(meshes))}
    total = len(views) * (scene.frame_end - scene.frame_start + 1)
    done = 0
    for name, camera in views.items():
        scene.camera = camera
        for frame in range(scene.frame_start, scene.frame_end + 1):
            scene.frame_set(frame)
            scene.render.filepath = str(Path(folder) / name / f"{frame:04d}.png")
            bpy.ops.render.render(write_still=True)
            done += 1
            print("ALIGN4D " + json.dumps({"stage": "Rendering", "fraction": done / total}), flush=True)
    print("ALIGN4D " + json.dumps({"error": ""}), flush=True)


def prepare(scene: bpy.types.Scene, size: int) -> None:
    """Fast settings that need no graphics card; a denoiser would cost more than the samples that it saves."""
    render = scene.render
    render.engine = "CYCLES"  # type: ignore[assignment]  # the stubs only know the engines that are built in
    render.resolution_x = render.resolution_y = size
    render.resolution_percentage = 100
    render.film_transparent = True
    render.use_persistent_data = True
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGBA"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = False


def add_sun(scene: bpy.types.Scene, solved: bpy.types.Object) -> None:
    """A sun from above the solved camera, so that the form can be seen."""
    light = bpy.data.lights.new("Sun", "SUN")
    light.energy = 1.5
    sun = bpy.data.objects.new("Sun", light)
    scene.collection.objects.link(sun)
    sun.matrix_world = solved.matrix_world @ Matrix.Rotation(math.radians(-40), 4, "X") @ Matrix.Rotation(math.radians(-25), 4, "Y")


def side_camera(scene: bpy.types.Scene, solved: bpy.types.Object, center: Vector) -> bpy.types.Object:
    """The solved camera, turned around the meshes."""
    camera = bpy.data.objects.new("Side", solved.data)
    scene.collection.objects.link(camera)
    camera.matrix_world = Matrix.Translation(center) @ Matrix.Rotation(math.radians(TURN), 4, "Z") @ Matrix.Translation(-center) @ solved.matrix_world
    return camera


def center_of(meshes: list[bpy.types.Object]) -> Vector:
    """Center of the box around the meshes as they are in the file, in world space."""
    corners = [item.matrix_world @ Vector(corner) for item in meshes for corner in item.bound_box]
    low, high = (Vector([limit(corner[axis] for corner in corners) for axis in range(3)]) for limit in (min, max))
    return (low + high) / 2


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
