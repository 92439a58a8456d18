"""The picture that a video generator is given: the artist's own mesh from the scene's camera, before white, at a size that generators take.

A clip that is made of it begins in the mesh's own pose, look and view, which is all that finding the camera asks for.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy
import numpy as np

from ..errors import UserError
from .choices import selected_meshes
from .png import write_png
from .temporary import temporary_scene

LONGEST = 1280
"""Longest side of the picture [px]."""
MULTIPLE = 16
"""Both sides are multiples of it: networks that make videos halve them several times."""


def render_first_frame(context: bpy.types.Context, path: Path) -> tuple[int, int]:
    """Renders the selected meshes in the scene's light to a PNG file; the scene stays as it is. Returns width and height [px].

    Raises:
        UserError: "no_mesh", "no_camera", "render_failed".
        OSError: where the file cannot be written.
    """
    scene = context.scene
    meshes = selected_meshes(context)
    if not meshes:
        raise UserError("no_mesh", "No mesh is selected.", "Select the mesh that the video is to show.")
    if scene.camera is None:
        raise UserError("no_camera", "The scene has no camera.", "Add one, and press Ctrl Alt Numpad 0 to put it where you look from.")
    size = picture_size(scene.render.resolution_x, scene.render.resolution_y)
    lights = [item for item in context.view_layer.objects if item.type == "LIGHT" and not item.hide_render]
    world = None if scene.world and lights else _white()
    try:
        with temporary_scene("Align4D First Frame") as stage:
            _furnish(stage, scene, [*meshes, *lights, scene.camera], world or scene.world, size)
            write_png(path, _rendered(stage, size))
    finally:
        if world:
            bpy.data.worlds.remove(world)
    return size


def picture_size(width: int, height: int) -> tuple[int, int]:
    """The size of a picture of this shape, `LONGEST` at most, in multiples of `MULTIPLE`."""
    scale = min(1.0, LONGEST / max(width, height)) / MULTIPLE
    return max(1, round(width * scale)) * MULTIPLE, max(1, round(height * scale)) * MULTIPLE


def _white() -> bpy.types.World:
    """Even light, for a scene without lamps."""
    world = bpy.data.worlds.new("Align4D First Frame")
    world.color = (1, 1, 1)
    return world


def _furnish(stage: bpy.types.Scene, scene: bpy.types.Scene, items: list[bpy.types.Object], world: bpy.types.World, size: tuple[int, int]) -> None:
    for item in dict.fromkeys(items):
        stage.collection.objects.link(item)
    stage.frame_set(scene.frame_current)
    stage.camera, stage.world = scene.camera, world
    render, own = stage.render, scene.render
    render.engine = own.engine
    if str(own.engine) == "CYCLES":
        stage.cycles.samples, stage.cycles.device = scene.cycles.samples, scene.cycles.device
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = own.pixel_aspect_x, own.pixel_aspect_y
    render.film_transparent = True
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    stage.view_settings.view_transform = scene.view_settings.view_transform
    stage.view_settings.look, stage.view_settings.exposure = scene.view_settings.look, scene.view_settings.exposure


def _rendered(stage: bpy.types.Scene, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 4) uint8 before white, top row first. Raises UserError "render_failed"."""
    with tempfile.TemporaryDirectory() as folder:
        stage.render.filepath = str(Path(folder) / "frame.png")
        try:
            bpy.ops.render.render(scene=stage.name, write_still=True)
            image = bpy.data.images.load(stage.render.filepath, check_existing=False)
        except RuntimeError as error:
            words = str(error).strip().removeprefix("Error: ").rstrip(".")
            raise UserError("render_failed", f"Blender could not render the picture ({words}).", "Choose another render engine.") from error
        try:
            pixels = np.empty(4 * size[0] * size[1], np.float32)
            image.pixels.foreach_get(pixels)
        finally:
            bpy.data.images.remove(image)
    pixels = pixels.reshape(size[1], size[0], 4)[::-1]
    shown = pixels[..., :3] * pixels[..., 3:] + 1 - pixels[..., 3:]
    return (np.dstack([shown, np.ones_like(pixels[..., 3])]).clip(0, 1) * 255).round().astype(np.uint8)
