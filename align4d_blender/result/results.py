"""The results on objects: which motion is played, from where to where, when and how fast; and the camera that keeps in step.

All of it is Blender's own Mesh Cache modifier: a file plays the same on a machine without the extension.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import bpy

from ...engine.align4d import protocol
from .. import folders
from . import solved_camera

if TYPE_CHECKING:
    from ..properties import Align4DResult

_following: set[str] = set()
"""Jobs whose results are being brought in line with one that was changed."""

_PLAYED = ("name", "start", "speed", "first", "last")


@dataclass(frozen=True)
class Playback:
    """How the frames of a result lie on the timeline.

    Attributes:
        start: scene frame at which frame `first` is shown.
        rate: frames of the result a scene frame.
        first, last: 0-based frames of the result; the last one is held.
        whole: whether these are all frames.
    """

    start: int
    rate: float
    first: int
    last: int
    whole: bool

    @property
    def length(self) -> float:
        """Scene frames from the first to the last frame."""
        return (self.last - self.first) / self.rate

    @property
    def expression(self) -> str:
        """The frame of the result as a driver's expression, one of those that Blender evaluates without Python and whatever the auto-run setting."""
        return f"min(max((frame - {self.start}) * {self.rate:.9g} + {self.first}, {self.first}), {self.last})"


def playback(result: Align4DResult, scene: bpy.types.Scene) -> Playback:
    """The choices of a result, within what it has."""
    first = min(result.first, result.frames) - 1
    last = max(min(result.last, result.frames) - 1, first)
    rate = result.speed * result.fps * scene.render.fps_base / scene.render.fps
    return Playback(result.start, rate, first, last, first == 0 and last == result.frames - 1)


def active(item: bpy.types.Object | None) -> Align4DResult | None:
    """The result that an object plays."""
    if item is None or not item.align4d.results:
        return None
    return item.align4d.results[min(max(item.align4d.active, 0), len(item.align4d.results) - 1)]


def with_job(job: str) -> list[tuple[bpy.types.Object, Align4DResult]]:
    """Every object that has the result of a job, and that result."""
    return [(item, result) for item in bpy.data.objects for result in item.align4d.results if result.job == job]


def add(item: bpy.types.Object, job: str, name: str, motion: str, frames: int, fps: float, start: int) -> None:
    """Puts a result on an object and plays it; one of the same job is replaced."""
    tag = item.align4d
    index = next((index for index, result in enumerate(tag.results) if result.job == job), None)
    result = tag.results.add() if index is None else tag.results[index]
    _following.add(job)
    try:
        result.name, result.job, result.motion, result.frames, result.fps = name, job, motion, frames, fps
        result.start, result.speed, result.first, result.last = start, 1.0, 1, frames
        tag.active = len(tag.results) - 1 if index is None else index
    finally:
        _following.discard(job)
    tag.muted = False
    play(item)


def play(item: bpy.types.Object) -> None:
    """Makes the object show its active result: Mesh Cache, first in the stack."""
    from . import gaussians

    result = active(item)
    if result is None:
        return
    item.align4d.job = result.job
    cache = folders.point_cache(item) or _new_cache(item)
    cache.cache_format = "PC2"
    cache.interpolation = "LINEAR"
    if cache.filepath != result.motion:
        cache.filepath = result.motion
    cache.show_viewport = cache.show_render = not item.align4d.muted
    _set_time(item, cache, playback(result, scene_of(item)))
    gaussians.follow(item)


def changed(result: Align4DResult) -> None:
    """The artist has changed how a result is played: every object that it moves follows, and its camera."""
    if result.job in _following:
        return
    _following.add(result.job)
    try:
        for item, other in with_job(result.job):
            for name in _PLAYED:
                setattr(other, name, getattr(result, name))
            if active(item) == other:
                play(item)
        _keep_camera_in_step(result)
    finally:
        _following.discard(result.job)


def switch(item: bpy.types.Object) -> None:
    """The artist has chosen another result of the object: every object that it moves shows it, and its camera takes over."""
    result = active(item)
    if result is None or result.job in _following:
        return
    _following.add(result.job)
    try:
        play(item)
        for other, _ in with_job(result.job):
            if active(other).job != result.job:
                other.align4d.active = [one.job for one in other.align4d.results].index(result.job)
                play(other)
    finally:
        _following.discard(result.job)
    show_cameras()


def mute(item: bpy.types.Object) -> None:
    """Shows or hides the motion."""
    cache = folders.point_cache(item)
    if cache:
        cache.show_viewport = cache.show_render = not item.align4d.muted


def remove(job: str) -> None:
    """Takes the result of a job off every object, with its camera; objects that have another result play that one. Pushes no undo step."""
    from . import gaussians

    for item, result in with_job(job):
        tag = item.align4d
        folders.discard(folders.actual_path(result.motion).parents[1])
        gaussians.remove(item, job)
        index = [one.job for one in tag.results].index(job)
        playing = active(item).job
        tag.results.remove(index)
        if not tag.results:
            _remove_cache(item)
            made = tag.id == protocol.GENERATED
            item.property_unset("align4d")
            if made:
                from . import generated_mesh

                generated_mesh.remove(item)
            continue
        wanted = next((place for place, one in enumerate(tag.results) if one.job == playing), max(index - 1, 0))
        tag.active = wanted
        play(item)
    for item in [item for item in folders.tagged() if item.align4d.job == job and not item.align4d.results]:
        if item.type == "CAMERA":
            solved_camera.remove_camera(item)
        else:
            item.property_unset("align4d")
    show_cameras()


def jobs_of(items: Iterable[bpy.types.Object]) -> list[str]:
    """The results that these objects play, or belong to, each once."""
    return list(dict.fromkeys(item.align4d.job for item in items if item.align4d.job))


def cameras(job: str) -> list[bpy.types.Object]:
    """The cameras of a result: the solved one, then the one that shows the clip alone, if there is one."""
    return sorted(
        (item for item in folders.tagged() if item.type == "CAMERA" and item.align4d.job == job),
        key=lambda item: item.align4d.id != solved_camera.SOLVED,
    )


def show_cameras() -> None:
    """Hides the cameras of results that no object plays; where one of them was the scene's, the camera of the result in its place is."""
    played = {item.align4d.job for item in bpy.data.objects if item.align4d.results}
    for item in [item for item in folders.tagged() if item.type == "CAMERA"]:
        item.hide_viewport = item.align4d.job not in played
    for scene in bpy.data.scenes:
        if scene.camera and scene.camera.align4d.job and scene.camera.align4d.job not in played:
            shown = [item for item in scene.objects if item.align4d.id == solved_camera.SOLVED and item.align4d.job in played]
            scene.camera = shown[-1] if shown else scene.camera


def _keep_camera_in_step(result: Align4DResult) -> None:
    for camera in cameras(result.job):
        scene = scene_of(camera)
        solved_camera.keep_in_step(camera, playback(result, scene))


def scene_of(item: bpy.types.Object) -> bpy.types.Scene:
    """The scene whose frame rate counts for an object."""
    own = item.users_scene
    return bpy.context.scene if bpy.context.scene in own or not own else own[0]


def _new_cache(item: bpy.types.Object) -> bpy.types.MeshCacheModifier:
    cache = cast(bpy.types.MeshCacheModifier, item.modifiers.new(folders.MODIFIER, "MESH_CACHE"))
    item.modifiers.move(len(item.modifiers) - 1, 0)
    cache.show_expanded = False
    return cache


def _remove_cache(item: bpy.types.Object) -> None:
    cache = folders.point_cache(item)
    if cache:
        cache.driver_remove("eval_frame")
        item.modifiers.remove(cache)


def _set_time(item: bpy.types.Object, cache: bpy.types.MeshCacheModifier, times: Playback) -> None:
    """The modifier plays sample `frame_scale * frame - frame_start`, with blending in between; a part of the frames needs a driver."""
    cache.driver_remove("eval_frame")
    if times.whole:
        cache.play_mode = "SCENE"
        cache.frame_scale = times.rate
        cache.frame_start = times.rate * times.start
        return
    cache.play_mode = "CUSTOM"
    driver = cache.driver_add("eval_frame").driver
    driver.type = "SCRIPTED"
    driver.expression = times.expression
