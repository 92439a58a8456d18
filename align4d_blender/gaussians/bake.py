"""Gaussians before Blender 4.5: its geometry nodes cannot read files, but their Bake node plays what it has written to disk.

So the files are shown to the node once, frame by frame, and it writes them down. From then on Blender plays the bake by itself, on a machine
without the extension too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import bpy

from ...engine.align4d import protocol
from ..errors import UserError, write_error
from ..storage import folders, paths, saving
from . import files
from .files import Sequence

if TYPE_CHECKING:
    import numpy as np


def bake(item: bpy.types.Object, modifier: bpy.types.NodesModifier, sequence: Sequence, start: int, speed: float) -> None:
    """Writes the bake of the whole sequence into a folder of its own, and plays it from there.

    An earlier one goes to the trash once the .blend is saved.

    Args:
        start: scene frame of the first file.
        speed: files per scene frame.

    Raises:
        UserError: "unsaved"; for a file that cannot be shown; "bake_failed".
    """
    if not bpy.data.filepath:
        advice = "Save the file first; Blender 4.5 and later can do without."
        raise UserError("unsaved", "This version of Blender writes Gaussians down beside the .blend, and it has not been saved.", advice)
    job, folder = folders.new_job()
    old = folder_of(modifier)
    _name(folder, job)
    with _alone(item) as scene, _showing(item, scene, sequence, start, speed) as failures:
        scene.view_layers[0].update()
        settings = modifier.bakes[0]
        settings.bake_mode, settings.use_custom_path, settings.directory = "ANIMATION", True, folders.stored_path(folder / "bake")
        settings.use_custom_simulation_frame_range = True
        settings.frame_start, settings.frame_end = start, start + math.ceil((sequence.count - 1) / speed)
        with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
            ended = bpy.ops.object.geometry_node_bake_single(session_uid=item.session_uid, modifier_name=modifier.name, bake_id=settings.bake_id)
    if failures or ended != {"FINISHED"} or not (folder / "bake").is_dir():
        folders.delete_new(folder)
        raise failures[0] if failures else UserError("bake_failed", "Blender could not write the Gaussians down.", "Free some space and try again.")
    if old and old != folder:
        saving.discard(old)


def _name(folder: Path, job: str) -> None:
    """Makes the folder of a bake one of ours. Raises UserError."""
    try:
        folder.mkdir(parents=True)
        with protocol.replacing(folder / folders.BAKE, "w") as file:
            json.dump({"job": job}, file)
    except OSError as error:
        raise write_error(error) from error


def folder_of(modifier: bpy.types.NodesModifier) -> Path | None:
    """The folder that was made for a bake; None where there is none."""
    stored = modifier.bakes[0].directory if len(modifier.bakes) else ""
    return paths.absolute(stored).parent if stored else None


@contextmanager
def _alone(item: bpy.types.Object) -> Iterator[bpy.types.Scene]:
    """The object in a temporary scene: to bake means to evaluate every frame, and nothing else shall be."""
    scene = bpy.data.scenes.new("Align4D Bake")
    scene.collection.objects.link(item)
    hidden, item.hide_viewport = item.hide_viewport, False  # what is hidden is not evaluated
    try:
        yield scene
    finally:
        item.hide_viewport = hidden
        scene.collection.objects.unlink(item)
        bpy.data.batch_remove([scene])  # `scenes.remove` needs a window, and a command has none


@contextmanager
def _showing(item: bpy.types.Object, scene: bpy.types.Scene, sequence: Sequence, start: int, speed: float) -> Iterator[list[UserError]]:
    """While it lasts, the object's mesh holds the Gaussians of the scene's frame; afterwards it is empty. Yields what went wrong."""
    failures: list[UserError] = []
    name = scene.name

    def show(shown: bpy.types.Scene, *_: object) -> None:
        if shown.name == name and not failures:
            index = math.floor(min(max((shown.frame_current - start) * speed, 0), sequence.count - 1) + 0.5)
            try:
                fill(cast(bpy.types.Mesh, item.data), files.read(sequence.path(index)))
            except UserError as error:
                failures.append(error)

    bpy.app.handlers.frame_change_pre.append(show)
    try:
        yield failures
    finally:
        bpy.app.handlers.frame_change_pre.remove(show)
        cast(bpy.types.Mesh, item.data).clear_geometry()
        item.data.update_tag()
        item.update_tag()


def fill(mesh: bpy.types.Mesh, rows: np.ndarray) -> None:
    """Vertices with the columns of a .ply as attributes, as Import PLY gives them."""
    import numpy as np

    if len(mesh.vertices) != len(rows):
        mesh.clear_geometry()
        mesh.vertices.add(len(rows))
    mesh.vertices.foreach_set("co", np.stack([rows[axis] for axis in "xyz"], 1).astype(np.float32).ravel())
    for name in rows.dtype.names or ():
        if name not in ("x", "y", "z", "nx", "ny", "nz"):
            column = mesh.attributes.get(name) or mesh.attributes.new(name, "FLOAT", "POINT")
            column.data.foreach_set("value", np.ascontiguousarray(rows[name], np.float32))
    mesh.update()
