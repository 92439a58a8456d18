"""Gaussians of a real job in Cycles and in EEVEE, beside the engine's own picture of them: on white, with the Standard view transform."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

ROOT = Path(__file__).resolve().parents[2]
SIZE = 160
FOVY = math.radians(40)
FRAME = 3


def test_both_renderers_show_what_the_engine_shows(fox: bpy.types.Object, engine_python: Path, tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.align4d.gaussians, scene.align4d.video = True, str(tmp_path / "fox.mp4")
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    assert bpy.ops.align4d.show_result_as(what="GAUSSIANS") == {"FINISHED"}
    fox.matrix_world = Matrix.LocRotScale(Vector((0.3, -0.2, 0.1)), Euler((0.4, 0.3, -0.5)), Vector((1.4, 0.9, 1.1))) @ fox.matrix_world
    stage(scene, fox)
    scene.frame_set(FRAME)
    (ply,) = tmp_path.glob(f"align4d/*/output/gaussians_000/frame_{FRAME - scene.frame_start:04d}.ply")
    true = engine_picture(engine_python, ply, fox, tmp_path)
    assert true.min(axis=2).mean() < 0.95, "the object fills too little of the picture"
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 12, False
    cycles = render(tmp_path / "cycles.png")
    scene.render.engine = "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"
    scene.eevee.taa_render_samples = 24
    eevee = render(tmp_path / "eevee.png")
    found = {"Cycles": psnr(cycles, true), "EEVEE": psnr(eevee, true), "each other": psnr(cycles, eevee)}
    assert min(found.values()) >= 30, found


def stage(scene: bpy.types.Scene, item: bpy.types.Object) -> None:
    """Nothing but the object, on white, seen from a side that the video does not show."""
    for other in bpy.data.objects:
        other.hide_render = other.hide_render or other.parent != item
    scene.world = bpy.data.worlds.new("White")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.resolution_percentage, scene.render.film_transparent = 100, False
    bpy.context.view_layer.update()
    corners = np.array([item.matrix_world @ Vector(corner) for corner in item.bound_box])
    camera = bpy.data.objects.new("Eye", bpy.data.cameras.new("Eye"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.sensor_fit, camera.data.angle = "VERTICAL", FOVY
    outwards = Vector((0.8, -1.0, 0.4)).normalized()
    camera.location = Vector(corners.mean(0)) + outwards * 1.1 * np.linalg.norm(np.ptp(corners, axis=0))
    camera.rotation_euler = outwards.to_track_quat("Z", "Y").to_euler()
    bpy.context.view_layer.update()


def engine_picture(python: Path, ply: Path, item: bpy.types.Object, folder: Path) -> np.ndarray:
    """(H, W, 3) sRGB."""
    flipped = Matrix.Diagonal((1, -1, -1, 1)) @ bpy.context.scene.camera.matrix_world.inverted()
    focal = SIZE / 2 / math.tan(FOVY / 2)
    view = {
        "matrix": [list(row) for row in item.matrix_world],
        "camera": [list(row) for row in flipped],
        "intrinsics": [[focal, 0, SIZE / 2], [0, focal, SIZE / 2], [0, 0, 1]],
        "size": SIZE,
    }
    (folder / "view.json").write_text(json.dumps(view))
    script = Path(__file__).with_name("rasterize_ply.py")
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT / "engine")}
    subprocess.run([python, script, ply, folder / "view.json", folder / "true.npy"], check=True, env=surroundings)
    picture: np.ndarray = np.load(folder / "true.npy")
    return picture


def render(path: Path) -> np.ndarray:
    """(H, W, 3) sRGB as it was written."""
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.empty(SIZE * SIZE * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(SIZE, SIZE, 4)[::-1, :, :3]


def psnr(one: np.ndarray, two: np.ndarray) -> float:
    """[dB]"""
    return float(-10 * np.log10(np.mean((one - two) ** 2)))
