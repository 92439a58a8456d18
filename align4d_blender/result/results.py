"""The results on objects: which motion is played, from where to where, when and how fast; and the camera that keeps in step.

All of it is Blender's own Mesh Cache modifier: a file plays the same on a machine without the extension.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import bpy

from ...engine.align4d import protocol
from ..capture.targets import Place
from ..storage import folders, paths, tags
from . import beside, gaussians, placing, solved_camera
from .playback import Playback, PlayedResult, active, is_original, playback, scene_of, together, with_job
from .solved_camera import cameras

_following: set[str] = set()
"""Jobs whose results are being brought in line with one that was changed."""

FIRST = Place()
"""First in the stack, and nothing held."""

_PLAYED = ("name", "start", "speed", "first", "last")


def add(item: bpy.types.Object, job: str, name: str, motion: str, frames: int, fps: float, start: int, place: Place = FIRST) -> None:
    """Puts a result on an object and plays it; one of the same job is replaced."""
    tag = item.align4d
    index = next((index for index, result in enumerate(tag.results) if result.job == job), None)
    result = tag.results.add() if index is None else tag.results[index]
    _following.add(job)
    try:
        result.name, result.job, result.motion, result.frames, result.fps = name, job, motion, frames, fps
        result.vertices, result.after, result.held, result.keys = len(item.data.vertices), place.after, place.held is not None, place.keys
        result.world = [value for row in place.held or () for value in row] or [0.0] * 16
        result.start, result.speed, result.first, result.last = start, 1.0, 1, frames
        tag.active = len(tag.results) - 1 if index is None else index
    finally:
        _following.discard(job)
    tag.muted = False
    play(item)


def play(item: bpy.types.Object) -> None:
    """Makes the object show its active result: Mesh Cache, at its place in the stack."""
    result = active(item)
    if result is None:
        return
    new = item.align4d.job != result.job or tags.point_cache(item) is None
    item.align4d.job = result.job
    cache = tags.point_cache(item) or _new_cache(item)
    if new:  # else it is where it belongs, or where the artist has moved it to
        placing.put(item, cache, result)
    cache.cache_format = "PC2"
    cache.interpolation = "LINEAR"
    paths.repair(item)
    file = _played_file(item, result)
    if not cache.filepath or paths.absolute(cache.filepath, item.library) != file:
        cache.filepath = folders.stored_path(file)
    _set_time(item, cache, playback(result, scene_of(item)))
    placing.show_form(item)
    placing.mute(item)
    _let_keys_follow(item)
    gaussians.follow(item)


def changed(result: PlayedResult) -> None:
    """The artist has changed how a result of an object is played: what is played together with it follows, and its camera."""
    if result.job in _following:
        return
    _following.add(result.job)
    try:
        for other, entry in together(cast(bpy.types.Object, result.id_data), result):
            for name in _PLAYED:
                setattr(entry, name, getattr(result, name))
            if active(other) == entry:
                play(other)
        _keep_cameras_in_step(result.job)
    finally:
        _following.discard(result.job)


def play_like(item: bpy.types.Object, job: str, other: str) -> None:
    """Plays a result of an object from where to where, and as fast, as another one of it; nothing where it has not both."""
    entries = {one.job: one for one in item.align4d.results}
    if job in entries and other in entries:
        for name in ("speed", "first", "last"):
            setattr(entries[job], name, getattr(entries[other], name))


def switch(item: bpy.types.Object) -> None:
    """The artist has chosen another result of the object: what is played together with it shows it too, and its camera takes over."""
    result = active(item)
    if result is None or result.job in _following:
        return
    _following.add(result.job)
    try:
        play(item)
        for other, _ in together(item, result):
            if active(other).job != result.job:
                other.align4d.active = [one.job for one in other.align4d.results].index(result.job)
                play(other)
    finally:
        _following.discard(result.job)
    show_cameras()


def mute(item: bpy.types.Object) -> None:
    """Shows or hides the motion; what is held lets go meanwhile."""
    placing.show_form(item)
    placing.mute(item)
    _let_keys_follow(item)


def take_off(job: str) -> None:
    """Takes the result of a job off every object. Its files stay."""
    remove([item for item, _ in with_job(job)], job)


def remove(items: Iterable[bpy.types.Object], job: str) -> None:
    """Takes the result of a job off these objects; those that have another one play that. Its files stay. Pushes no undo step.

    The camera goes with the last object of its scene that has the result.
    """
    for item in items:
        _remove_from(item, job)
    for empty in [one for one in tags.tagged() if one.align4d.id == beside.BESIDE and one.align4d.job == job]:
        beside.remove(empty)
    for item in [item for item in tags.tagged() if item.align4d.job == job and not item.align4d.results]:
        if any(set(item.users_scene) & set(other.users_scene) for other, _ in with_job(job)):
            continue
        if item.type == "CAMERA":
            solved_camera.remove_camera(item)
        elif item.align4d.id == placing.HOLD_ID:
            bpy.data.objects.remove(item)
        else:
            item.property_unset("align4d")
    _keep_cameras_in_step(job)
    show_cameras()


def _played_file(item: bpy.types.Object, result: PlayedResult) -> Path:
    """The motion as it was found, or the cleaned one where there is one."""
    found = paths.motion_file(item, result)
    if not result.cleaned:
        return found
    cleaned = paths.cleaned_file(found)
    return cleaned if cleaned.is_file() else found


def _let_keys_follow(item: bpy.types.Object) -> None:
    """The armature of an object plays what belongs to the active result."""
    if any(result.form == "KEYFRAMES" for result in item.align4d.results):
        from . import keyframes  # brings numpy in: Blender starts sooner without it

        keyframes.follow(item)


def _remove_from(item: bpy.types.Object, job: str) -> None:
    tag = item.align4d
    index = [one.job for one in tag.results].index(job)
    gaussians.remove(item, job)
    if tag.results[index].form == "KEYFRAMES":
        from . import keyframes

        keyframes.forget(item, tag.results[index])
    playing = active(item).job
    tag.results.remove(index)
    if tag.results:
        wanted = next((place for place, one in enumerate(tag.results) if one.job == playing), max(index - 1, 0))
        _following.update(one.job for one in tag.results)  # the others that have it go on with what they play
        try:
            tag.active = wanted
        finally:
            _following.clear()
        play(item)
        return
    _remove_cache(item)
    placing.release(item)
    made = tag.id == protocol.GENERATED
    item.property_unset("align4d")
    if made:
        from . import generated_mesh  # Blender starts sooner without it

        generated_mesh.remove(item)


def show_cameras() -> None:
    """Hides the cameras of results that no object plays; where one of them was the scene's, the camera of the result in its place is."""
    played = {item.align4d.job for item in bpy.data.objects if item.align4d.results}
    for item in [item for item in tags.tagged() if item.type == "CAMERA"]:
        item.hide_viewport = item.align4d.job not in played
    for scene in bpy.data.scenes:
        if scene.camera and scene.camera.align4d.job and scene.camera.align4d.job not in played:
            shown = [item for item in scene.objects if item.align4d.id == solved_camera.SOLVED and item.align4d.job in played]
            scene.camera = shown[-1] if shown else scene.camera


def _keep_cameras_in_step(job: str) -> None:
    """Cameras follow the objects that their job moves, not copies of them, as long as there is one of those in their scene."""
    everyone = with_job(job)
    for camera in cameras(job):
        here = [pair for pair in everyone if set(camera.users_scene) & set(pair[0].users_scene)]
        followed = next((entry for item, entry in here if is_original(item, entry, here)), None)
        if followed:
            solved_camera.keep_in_step(camera, playback(followed, scene_of(camera)))


def _new_cache(item: bpy.types.Object) -> bpy.types.MeshCacheModifier:
    cache = cast(bpy.types.MeshCacheModifier, item.modifiers.new(tags.MODIFIER, "MESH_CACHE"))
    cache.show_expanded = False
    return cache


def _remove_cache(item: bpy.types.Object) -> None:
    cache = tags.point_cache(item)
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
