"""For pipelines: the same job as the button starts, in one line of Python.

from bl_ext.user_default.align4d import generate
generate("fox.mp4", ["Fox"], preset="draft")
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import bpy

from ..capture import modes
from ..errors import UserError
from ..jobs import queue
from ..jobs.record import Job

FilePath = str | os.PathLike[str]


def generate(
    video: FilePath = "",
    objects: Sequence[str | bpy.types.Object] = (),
    *,
    given: Literal["VIDEO", "IMAGE", "TEXT"] | None = None,
    asset: Literal["MESH", "GAUSSIANS", "NONE"] | None = None,
    image: FilePath | None = None,
    prompt: str | None = None,
    gaussian_asset: FilePath | None = None,
    first: int | None = None,
    last: int | None = None,
    sequence_fps: float | None = None,
    preset: Literal["draft", "artist", "paper"] | None = None,
    camera: Literal["SCENE", "VIEW", "FRONT"] | None = None,
    solve_camera: bool | None = None,
    start_at: Literal["PLAYHEAD", "SCENE"] | None = None,
    form: Literal["KEYFRAMES", "CACHE"] | None = None,
    seed: int | None = None,
    gaussians: bool | None = None,
    overrides: Mapping[str, Any] | None = None,
    box: Sequence[float] | None = None,
    masks: FilePath | None = None,
    second_video: FilePath | None = None,
    second_camera: bpy.types.Object | None = None,
    second_offset: float | None = None,
) -> Job:
    """Animates meshes of the current scene after a video, and waits for the result.

    What is not given is as in the panel; the panel's own choices, and what is selected, stay as they are.

    Args:
        video: a movie, or one image of a sequence.
        objects: meshes or their names; empty: the selected ones.
        given: what says how it moves: a video, an image, or a text.
        asset: what moves: meshes, a file of Gaussians, or an asset that is made of what is given.
        image, prompt: what a video is made of, where none is given.
        gaussian_asset: a .ply of Gaussians.
        first, last: frames of the video, counted from 1; 0 is its beginning, and its end.
        sequence_fps: frames a second of an image sequence; 0 takes the scene's.
        preset: how much time to spend.
        camera: where the video was filmed from.
        solve_camera: whether that camera is a guess, to be refined.
        start_at: where the motion begins: at the frame that is shown, or at the scene's first.
        form: whether the motion comes as keyframes, on meshes that have an armature, or as a point cache.
        seed: of everything random.
        gaussians: whether to write the Gaussians of every frame as well.
        overrides: single settings of the engine, such as {"tracking.iterations": 40}.
        box: around the object in the first frame: left, top, right and bottom in [0, 1] of the frame's width and height.
        masks: one image of a sequence, or its folder: the object's mask in each frame, by alpha or white on black.
        second_video: a clip of the same motion from another side.
        second_camera: about where that was filmed from.
        second_offset: seconds that it begins after the first clip; None: they are found.

    Returns: the finished job; `job.notes` are what the artist would be told.
    Raises: UserError with what to do; nothing in the scene has changed then.
    """
    choices = {
        "video": os.fspath(video) or None,
        "given": given,
        "asset": asset,
        "image": None if image is None else os.fspath(image),
        "prompt": prompt,
        "gaussian_asset": None if gaussian_asset is None else os.fspath(gaussian_asset),
        "first": first,
        "last": last,
        "sequence_fps": sequence_fps,
        "preset": preset,
        "camera": camera,
        "solve_camera": solve_camera,
        "start_at": start_at,
        "form": form,
        "seed": seed,
        "gaussians": gaussians,
        "overrides": None if overrides is None else json.dumps(dict(overrides)),
        "box": box,
        "boxed": None if box is None else os.fspath(video) or bpy.context.scene.align4d.video,
        "masks": None if masks is None else os.fspath(masks),
        "second_video": None if second_video is None else os.fspath(second_video),
        "second_camera": second_camera,
        "second_offset": second_offset,
        "second_find_offset": None if second_video is None else second_offset is None,
    }
    meshes = [mesh_called(item) for item in objects]
    if bpy.app.background:
        modes.leave(bpy.context)
    with _chosen({name: value for name, value in choices.items() if value is not None}), _selected(meshes):
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


def mesh_called(item: str | bpy.types.Object) -> bpy.types.Object:
    """A mesh of this file by its name, or itself. Raises UserError where there is none."""
    found: bpy.types.Object | None = bpy.data.objects.get(item) if isinstance(item, str) else item
    if found is None or found.type != "MESH":
        names = ", ".join(sorted(one.name for one in bpy.data.objects if one.type == "MESH")) or "none"
        raise UserError("no_mesh", f"There is no mesh called {item}.", f"The meshes of this file: {names}.")
    return found


@contextmanager
def _chosen(choices: Mapping[str, Any]) -> Iterator[None]:
    """Makes these choices in the panel for the moment. Raises UserError for a value that a choice cannot have."""
    settings = bpy.context.scene.align4d
    before = {name: _value(getattr(settings, name)) for name in choices}
    try:
        for name, value in choices.items():
            try:
                setattr(settings, name, value)
            except (TypeError, ValueError) as error:  # of the wrong kind, or of the wrong length
                raise UserError("bad_value", f"{name} cannot be {value!r}.", f"Blender says: {error}.") from error
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)


def _value(held: Any) -> Any:
    """What a property holds, by itself: Blender gives a view into a vector, which would change with it."""
    return tuple(held) if isinstance(held, bpy.types.bpy_prop_array) else held


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
