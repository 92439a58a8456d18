"""For pipelines: the same job as the button starts, in one line of Python.

from bl_ext.user_default.align4d import generate
generate("fox.mp4", ["Fox"], preset="draft")
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bpy

from .errors import UserError
from .jobs import queue
from .jobs.record import Job


def generate(video: str | os.PathLike[str] = "", objects: Sequence[str | bpy.types.Object] = (), **choices: Any) -> Job:
    """Animates meshes of the current scene after a video, and waits for the result.

    Args:
        video: a movie, or one image of a sequence; empty: the one that the scene's settings have.
        objects: meshes or their names; empty: the selected ones.
        choices: settings of the panel by their names in `scene.align4d`, such as preset="draft", seed=1, camera="FRONT"; they stay.

    Returns: the finished job; `job.notes` are what the artist would be told.
    Raises: UserError with what to do; nothing in the scene has changed then.
    """
    settings = bpy.context.scene.align4d
    if video:
        choices["video"] = os.fspath(video)
    for name, value in choices.items():
        if name not in settings.bl_rna.properties:
            known = ", ".join(sorted(set(settings.bl_rna.properties.keys()) - {"rna_type", "name"}))
            raise UserError("unknown_setting", f"There is no setting called {name}.", f"Choose from {known}.")
        try:
            setattr(settings, name, value)
        except TypeError as error:
            raise UserError("bad_value", f"{name} cannot be {value!r}.", f"Blender says: {error}.") from error
    with _selected([_mesh(item) for item in objects]):
        job = queue.start(bpy.context)
    return finished(job)


def finished(job: Job) -> Job:
    """Waits for a job. Raises UserError where it fails or is cancelled."""
    queue.wait(job)
    if job.error:
        raise job.error
    if job.state != "done":
        raise UserError("cancelled", "The job was cancelled.", "Resume lets it go on where it was.")
    return job


def _mesh(item: str | bpy.types.Object) -> bpy.types.Object:
    found: bpy.types.Object | None = bpy.data.objects.get(item) if isinstance(item, str) else item
    if found is None or found.type != "MESH":
        names = ", ".join(sorted(one.name for one in bpy.data.objects if one.type == "MESH")) or "none"
        raise UserError("no_mesh", f"There is no mesh called {item}.", f"The meshes of this file: {names}.")
    return found


@contextmanager
def _selected(items: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Selects these objects for the moment; nothing is changed where there are none."""
    layer = bpy.context.view_layer
    if not items:
        yield
        return
    before = [item for item in layer.objects if item.select_get()], layer.objects.active
    try:
        for item in layer.objects:
            item.select_set(item in items)
        layer.objects.active = items[0]
        yield
    finally:
        for item in layer.objects:
            item.select_set(item in before[0])
        layer.objects.active = before[1]
