"""A result as keyframes on the artist's own armature, in the place of the point cache, and back."""

from __future__ import annotations

from typing import cast

import bpy
import numpy as np

from ..capture.rest_shape import base_shape
from ..errors import UserError
from ..storage import folders, tags
from . import armature_action, motion_armature
from .armature_action import KeyedMesh, armature_of
from .motion_file import as_shown, read_motion
from .playback import PlayedResult, active, playback, scene_of, with_job


def can_be_keyed(item: bpy.types.Object | None) -> bool:
    """Whether an object's motion can be keyframes: it has one, and an armature."""
    return item is not None and item.type == "MESH" and active(item) is not None and armature_of(item) is not None


def make(item: bpy.types.Object) -> list[str]:
    """Turns the motion of an object, and of all that the same armatures move with it, into keyframes.

    Returns: what the artist should know, as sentences.
    Raises: UserError; nothing is changed then.
    """
    result = active(item)
    if result is None or armature_of(item) is None:
        raise UserError(
            "no_armature", f"{item.name} has no armature that moves it.", "Add an Armature modifier with vertex groups, or keep the point cache."
        )
    together: dict[bpy.types.Object, list[KeyedMesh]] = {}
    for other, entry in with_job(result.job):
        rig = armature_of(other)
        if rig:
            together.setdefault(rig, []).append(_keyed_mesh(other, entry))
    solved = {rig: np.stack(list(armature_action.solve(rig, meshes))) for rig, meshes in together.items()}
    times = playback(result, scene_of(item))
    frames = [times.start + (index - times.first) / times.rate for index in range(result.frames)]
    notes = []
    for rig, poses in solved.items():
        keyed = motion_armature.stand_in(rig) or rig
        if keyed != rig:
            notes.append(f"Constraints or drivers move bones of {rig.name}: the keys are on {keyed.name}, which its bones follow.")
        armature_action.write_keys(keyed, result.name, poses, frames, (times.start, times.rate))
    for other, entry in with_job(result.job):
        if armature_of(other) in solved:
            entry.form = "KEYFRAMES"
            show_form(other)
    return notes


def unmake(item: bpy.types.Object) -> None:
    """Takes the keyframes of an object's active result away, on all that it moves; the point cache plays again."""
    result = active(item)
    if result is None or result.form != "KEYFRAMES":
        return
    for other, entry in with_job(result.job):
        entry.form = "CACHE"
        release(other)
        show_form(other)


def release(item: bpy.types.Object) -> None:
    """Takes the keyframes off the armature of an object."""
    rig = armature_of(item)
    if rig is None:
        return
    armature_action.remove(rig)
    motion_armature.remove(rig)


def show_form(item: bpy.types.Object) -> None:
    """Shows the point cache where it is the form of the active result and the motion is not muted; mutes the keyframes with it."""
    result, cache = active(item), tags.point_cache(item)
    if result is None or cache is None:
        return
    cache.show_viewport = cache.show_render = result.form == "CACHE" and not item.align4d.muted


def follow(item: bpy.types.Object) -> None:
    """Moves the keyframes to where the active result's start and speed are now."""
    result, rig = active(item), armature_of(item)
    if result is None or rig is None or result.form != "KEYFRAMES":
        return
    times = playback(result, scene_of(item))
    armature_action.retime(motion_armature.of(rig) or rig, (times.start, times.rate))


def _keyed_mesh(item: bpy.types.Object, result: PlayedResult) -> KeyedMesh:
    motion = read_motion(item, as_shown(folders.actual_path(result.motion)))
    scene = bpy.context.scene
    return KeyedMesh(item, base_shape(item, (scene.frame_current, scene.frame_subframe)), cast(np.ndarray, motion))
