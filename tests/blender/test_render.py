"""The result renders: the picture at the last frame differs from that at the first, in Cycles and in EEVEE."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from scenes import add_mesh, use_video


def render(path: Path, frame: int) -> np.ndarray:
    """The picture (H, W, 4) of a frame."""
    scene = bpy.context.scene
    scene.frame_set(frame)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path), check_existing=False)
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(image_shape())


def image_shape() -> tuple[int, int, int]:
    return (bpy.context.scene.render.resolution_y, bpy.context.scene.render.resolution_x, 4)


@pytest.mark.parametrize("engine", ["CYCLES", "EEVEE"])
def test_last_frame_differs_from_the_first(blender: ModuleType, tmp_path: Path, engine: str) -> None:
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 48, 36
    add_mesh()
    use_video(tmp_path / "video")
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    if engine == "CYCLES":
        scene.render.engine = "CYCLES"
        scene.cycles.samples = 4
    else:
        scene.render.engine = "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"
        scene.eevee.taa_render_samples = 1
    lamp = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    lamp.rotation_euler = (0.8, 0.2, 0)
    scene.collection.objects.link(lamp)
    first, last, again = (render(tmp_path / f"{name}.png", frame) for name, frame in (("first", 1), ("last", 9), ("again", 1)))
    assert first[..., :3].max() > 0.1, "nothing is to be seen"
    assert np.abs(last - first).mean() > 0.01
    assert np.abs(again - first).mean() < 0.002
