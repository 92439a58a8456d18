"""A result as keyframes on the artist's own armature, in the place of the point cache, and back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bpy
import numpy as np

from ...engine.align4d import protocol
from ..capture.rest_shape import base_shape
from ..errors import UserError
from ..storage import paths, tags
from . import armature_action, made_armature, motion_armature
from .armature_action import KeyedMesh, armature_of
from .key_cleanup import Cleanup
from .motion_file import as_shown, read_motion
from .placing import show_form
from .playback import PlayedResult, active, playback, scene_of, together


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
    return paths.absolute(result.motion).parents[1]


class Solving:
    """The poses of armatures for a motion, solved a frame at a time, so that the window is not held.

    Attributes:
        poses: (T, K, 4, 4) of each armature that is done.
    """

    def __init__(self, together: dict[bpy.types.Object, list[KeyedMesh]], hold_contacts: bool = False) -> None:
        """`hold_contacts`: what stands on the ground stands still. Raises UserError where no bone of an armature moves its meshes."""
        self.poses: dict[bpy.types.Object, np.ndarray] = {}
        self._left = [(rig, armature_action.solve(rig, meshes, hold_contacts)) for rig, meshes in together.items()]
        self._frames: list[np.ndarray] = []

    def step(self, seconds: float) -> bool:
        """Goes on for about so many seconds. Returns whether nothing is left to do."""
        until = time.monotonic() + seconds
        while self._left and time.monotonic() < until:
            rig, frames = self._left[0]
            pose = next(frames, None)
            if pose is not None:
                self._frames.append(pose)
                continue
            self.poses[rig] = np.stack(self._frames)
            self._left.pop(0)
            self._frames = []
        return not self._left


def make(item: bpy.types.Object) -> list[str]:
    """Turns the motion of an object, and of all that its job moves with it, into keyframes.

    On the artist's own armatures where meshes have one, else on one that is made for them.

    Returns: what the artist should know, as sentences.
    Raises: UserError; nothing is changed then.
    """
    result = active(item)
    if result is None:
        raise UserError("no_result", f"{item.name} has no motion.", "Select an object that Align4D has animated.")
    moved = together(item, result)
    bare = [other for other, _ in moved if armature_of(other) is None]
    bare, poses = _posed(bare, result) if bare else (bare, None)
    solving = Solving(by_armature({other: as_shown(paths.motion_file(other, entry)) for other, entry in moved}), result.contacts)
    while not solving.step(1.0):
        pass
    notes = write(solving, item)
    if poses:
        rig, own = made_armature.make(bare, [_in_world(one) for one in bare], poses)
        armature_action.write_keys(rig, result.name, own, *_times(item), cleanup_of(result))
        notes.append(f"{rig.name} was made of what moves as one; it has {len(poses.parent)} bones.")
        for other in bare:
            _use_keys(other)
    return notes


def by_armature(motions: dict[bpy.types.Object, Path]) -> dict[bpy.types.Object, list[KeyedMesh]]:
    """The objects that have an armature, by armature, with their motions read from files. Raises UserError."""
    found: dict[bpy.types.Object, list[KeyedMesh]] = {}
    scene = bpy.context.scene
    for item, motion in motions.items():
        if rig := armature_of(item):
            rest = base_shape(item, (scene.frame_current, scene.frame_subframe))
            found.setdefault(rig, []).append(KeyedMesh(item, rest, read_motion(item, motion)))
    return found


def write(solving: Solving, item: bpy.types.Object) -> list[str]:
    """Puts solved poses as keyframes on their armatures, as the active result of `item` is played. Returns notes, as sentences."""
    result = active(item)
    notes = []
    for rig, poses in solving.poses.items():
        keyed = motion_armature.stand_in(rig) or rig
        if keyed != rig:
            notes.append(f"Constraints or drivers move bones of {rig.name}: the keys are on {keyed.name}, which its bones follow.")
        armature_action.write_keys(keyed, result.name, poses, *_times(item), cleanup_of(result))
    for other, _ in together(item, result):
        if armature_of(other) in solving.poses:
            _use_keys(other)
    return notes


def cleanup_of(result: PlayedResult) -> Cleanup:
    """What the artist wants done to the keys of a result."""
    return Cleanup(result.smooth, result.loop, result.in_place, result.tolerance / 100)


def _times(item: bpy.types.Object) -> tuple[list[float], tuple[float, float]]:
    """Scene frames of the motion's frames, and start and rate of the playback."""
    result = active(item)
    times = playback(result, scene_of(item))
    return [times.start + (index - times.first) / times.rate for index in range(result.frames)], (times.start, times.rate)


def _use_keys(item: bpy.types.Object) -> None:
    active(item).form = "KEYFRAMES"
    show_form(item)


def unmake(item: bpy.types.Object) -> None:
    """Takes the keyframes of an object's active result away, on all that it moves; the point cache plays again."""
    result = active(item)
    if result is None or result.form != "KEYFRAMES":
        return
    for other, entry in together(item, result):
        entry.form = "CACHE"
        release(other)
        show_form(other)


def _is_keyed(item: bpy.types.Object) -> bool:
    result = active(item)
    return result is not None and result.form == "KEYFRAMES"


def release(item: bpy.types.Object) -> None:
    """Takes the keyframes off the armature of an object, and the armature with them where it was made for them.

    They stay as long as another object, a copy of it for one, shows its motion by them.
    """
    made, rig = made_armature.of(item), armature_of(item)
    shared = made or rig
    if any(_is_keyed(other) and shared in (armature_of(other), made_armature.of(other)) for other in tags.tagged() if other != item):
        return
    if made:
        made_armature.remove(made)
    elif rig:
        armature_action.remove(rig)
        motion_armature.remove(rig)


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
