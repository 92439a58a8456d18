"""The picture for a video generator: the chosen mesh alone, before white, from the scene's camera; the file stays as it was."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from scenes import add_mesh


def add_camera() -> None:
    """In front, three sizes away."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -7, 0), (math.pi / 2, 0, 0)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera


def read(path: Path) -> np.ndarray:
    """(H, W, 4) bottom row first."""
    image = bpy.data.images.load(str(path))
    pixels = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)
    bpy.data.images.remove(image)
    return pixels


def test_the_chosen_mesh_before_white(blender: ModuleType, tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x, scene.render.resolution_y = 100, 52
    add_camera()
    item = add_mesh()
    bpy.ops.mesh.primitive_cube_add(size=50, location=(0, 60, 0))  # behind it; not chosen
    bpy.context.object.select_set(False)
    item.select_set(True)
    bpy.context.view_layer.objects.active = item
    before = [set(kind) for kind in (bpy.data.scenes, bpy.data.worlds, bpy.data.objects)]
    assert bpy.ops.align4d.render_first_frame(filepath=str(tmp_path / "first.png")) == {"FINISHED"}
    pixels = read(tmp_path / "first.png")
    assert pixels.shape == (48, 96, 4) and (pixels[..., 3] == 1).all()
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1], :3] == 1).all(), "the corners are white"
    dark = (pixels[..., :3] < 0.97).any(-1)
    assert 0.005 < dark.mean() < 0.6, "the mesh is there, and the cube is not"
    assert [set(kind) for kind in (bpy.data.scenes, bpy.data.worlds, bpy.data.objects)] == before
    assert bpy.context.scene == scene and scene.render.filepath != str(tmp_path / "first.png")


def test_what_is_missing_is_said(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.align4d.render_first_frame(filepath=str(tmp_path / "first.png"))
    add_camera()
    for item in bpy.context.selected_objects:
        item.select_set(False)
    with pytest.raises(RuntimeError, match="Select the mesh"):
        bpy.ops.align4d.render_first_frame(filepath=str(tmp_path / "first.png"))


@pytest.mark.parametrize(
    ("width", "height", "size"), [(1920, 1080, (1280, 720)), (1080, 1920, (720, 1280)), (500, 500, (496, 496)), (8, 3000, (16, 1280))]
)
def test_a_size_that_generators_take(blender: ModuleType, width: int, height: int, size: tuple[int, int]) -> None:
    assert blender.align4d_blender.capture.first_frame.picture_size(width, height) == size
