"""A result as keyframes on the artist's own armature, in the place of the point cache, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bpy
import numpy as np

from ...engine.align4d import protocol
from ..capture.rest_shape import base_shape
from ..errors import UserError
from ..storage import folders, tags
from . import armature_action, made_armature, motion_armature
from .armature_action import KeyedMesh, armature_of
from .motion_file import as_shown, read_motion
from .playback import PlayedResult, active, playback, scene_of, with_job


def can_be_keyed(item: bpy.types.Object | None) -> bool:
    """Whether an object's motion can be keyframes: it has one, and an armature or poses to make one of."""
    if item is None or item.type != "MESH":
        return False
    result = active(item)
    return result is not None and (armature_of(item) is not None or has_poses(result))


def has_poses(result: PlayedResult) -> bool:
    """Whether an armature can be made of a result."""
    return (job_folder(result) / protocol.POSES).is_file()


def job_folder(result: PlayedResult) -> Path:
    """The folder of the job that made a result."""
    return folders.actual_path(result.motion).parents[1]


def make(item: bpy.types.Object) -> list[str]:
    """Turns the motion of an object, and of all that its job moves with it, into keyframes.

    On the artist's own armatures where meshes have one, else on one that is made for them.

    Returns: what the artist should know, as sentences.
    Raises: UserError; nothing is changed then.
    """
    result = active(item)
    if result is None:
        raise UserError("no_result", f"{item.name} has no motion.", "Select an object that Align4D has animated.")
    together: dict[bpy.types.Object, list[KeyedMesh]] = {}
    bare = []
    for other, entry in with_job(result.job):
        rig = armature_of(other)
        if rig:
            together.setdefault(rig, []).append(_keyed_mesh(other, entry))
        else:
            bare.append(other)
    bare, poses = _posed(bare, result) if bare else (bare, None)
    solved = {rig: np.stack(list(armature_action.solve(rig, meshes))) for rig, meshes in together.items()}
    times = playback(result, scene_of(item))
    frames = [times.start + (index - times.first) / times.rate for index in range(result.frames)]
    notes = []
    for rig, own in solved.items():
        keyed = motion_armature.stand_in(rig) or rig
        if keyed != rig:
            notes.append(f"Constraints or drivers move bones of {rig.name}: the keys are on {keyed.name}, which its bones follow.")
        armature_action.write_keys(keyed, result.name, own, frames, (times.start, times.rate))
    if poses:
        rig, own = made_armature.make(bare, [_in_world(one) for one in bare], poses)
        armature_action.write_keys(rig, result.name, own, frames, (times.start, times.rate))
        notes.append(f"{rig.name} was made of what moves as one; it has {len(poses.parent)} bones.")
    for other, entry in with_job(result.job):
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
    """Takes the keyframes off the armature of an object, and the armature with them where it was made for them."""
    made, rig = made_armature.of(item), armature_of(item)
    if made:
        made_armature.remove(made)
    elif rig:
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


def _posed(items: Sequence[bpy.types.Object], result: PlayedResult) -> tuple[list[bpy.types.Object], made_armature.Poses]:
    """The objects in the order of the job, and their poses. Raises UserError where others of the job have an armature, or are gone."""
    stored = protocol.read_result(job_folder(result))
    by_id = {item.align4d.id: item for item in items}
    if set(by_id) != {entry.id for entry in stored.objects}:
        message = "Some meshes of this motion have an armature and others have none, or are no longer here."
        raise UserError("mixed_rigs", message, "Parent the others to bones, or keep the point cache.")
    poses = made_armature.read_poses(job_folder(result), sum(entry.vertex_count for entry in stored.objects))
    return [by_id[entry.id] for entry in stored.objects], poses


def _in_world(item: bpy.types.Object) -> np.ndarray:
    """(V, 3) of an object's own vertices at rest."""
    scene, matrix = bpy.context.scene, np.array(item.matrix_world)
    vertices = base_shape(item, (scene.frame_current, scene.frame_subframe))
    return cast(np.ndarray, vertices @ matrix[:3, :3].T + matrix[:3, 3])


def _keyed_mesh(item: bpy.types.Object, result: PlayedResult) -> KeyedMesh:
    motion = read_motion(item, as_shown(folders.actual_path(result.motion)))
    scene = bpy.context.scene
    return KeyedMesh(item, base_shape(item, (scene.frame_current, scene.frame_subframe)), cast(np.ndarray, motion))
