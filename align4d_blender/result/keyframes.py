"""A result as keyframes on an armature, in the place of the point cache, and back.

Each result keeps its own action, so that several results of an object can be keyframes: its armature plays those of the one that is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bpy
import numpy as np

from ...engine.align4d import protocol
from ..capture.armatures import armature_of, constrained_bones
from ..capture.rest_shape import base_shape
from ..capture.slices import Words, counting, saying, whole
from ..errors import UserError
from ..storage import paths, tags
from . import armature_action, cache_cleanup, made_armature, motion_armature
from .carrying import at_rest
from .key_cleanup import Cleanup, best_loop
from .motion_file import as_shown, read_motion
from .placing import show_form
from .playback import Playback, PlayedResult, active, playback, scene_of, together
from .rig_poses import Standing
from .solving import Moved, Solving

SLICE = 0.03
"""Seconds that poses are solved for at once."""


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


def make(item: bpy.types.Object) -> list[str]:
    """Does all of `making` at once."""
    return whole(making(item))


def making(item: bpy.types.Object) -> Words[list[str]]:
    """Turns the motion of an object, and of all that its job moves with it, into keyframes.

    On the armatures that meshes have, else on one that is made for all of them. Each slice yields what is being done.

    Returns: what the artist should know, as sentences.
    Raises: UserError; nothing is changed then, nor where it is broken off.
    """
    result = active(item)
    if result is None:
        raise UserError("no_result", f"{item.name} has no motion.", "Select an object that Align4D has animated.")
    moved = _moved(item)
    if any(armature_of(one.item) for one in moved):
        return (yield from writing(_solving(moved, result), item))
    items, poses = _posed([one.item for one in moved], result)
    rig = made_armature.make(items, [_in_world(one) for one in items], poses)
    try:
        notes = yield from writing(_solving(moved, result), item)
    except BaseException:
        made_armature.remove(rig)
        raise
    return [*notes, f"{rig.name} was made of what moves as one; it has {len(poses.parent)} bones."]


def none_made(error: UserError) -> str:
    """What the artist should know where a motion that has arrived cannot be keyframes."""
    return f"The motion is a point cache, no keyframes: {error}"


def find_standing(item: bpy.types.Object) -> None:
    """Lists which bones stand on the ground, and when, in the active result of an object. Raises UserError."""
    _list_standing(Solving(_moved(item)).find_standing(), active(item))


def cleaning(item: bpy.types.Object) -> Words[list[str]]:
    """Does to the active result of an object what is asked for, in whichever form it is. See `making`."""
    result = active(item)
    if result is not None and result.form == "KEYFRAMES":
        return (yield from making(item))
    yield from saying("Cleaning up the point cache", cache_cleanup.applied(item, cleanup_of(result)))
    return []


def find_loop(item: bpy.types.Object) -> None:
    """Lets the active result of an object end where its pose is most like the first one, as a loop. Raises UserError."""
    result = active(item)
    first = playback(result, scene_of(item)).first
    motion = read_motion(item, as_shown(paths.motion_file(item, result)), result.after)
    result.last, result.loop = first + 1 + best_loop(motion[first:]), True


def write(solving: Solving, item: bpy.types.Object) -> list[str]:
    """Does all of `writing` at once."""
    return whole(writing(solving, item))


def writing(solving: Solving, item: bpy.types.Object) -> Words[list[str]]:
    """Solves what is left of poses, and puts them as keyframes on their armatures, as the active result of `item` is played.

    Objects whose armature was not solved for, or is another one by now, keep their point cache. Returns notes, as sentences; broken off, it
    leaves everything as it was.
    """
    while not solving.step(SLICE):
        yield f"Solving poses: {solving.fraction:.0%}"
    moved = together(item, active(item))
    rigs = {other: rig for other, _ in moved if (rig := armature_of(other)) and solving.knows(rig)}
    notes: list[str] = []
    written: dict[bpy.types.Object, bpy.types.Action] = {}
    try:
        for rig in dict.fromkeys(rigs.values()):
            written[rig] = yield from _write_on(rig, solving, item, notes)
    except BaseException:
        for other in rigs:
            follow(other)
        for action in written.values():
            _delete_unused(action)
        raise
    for other, entry in moved:
        if other in rigs:
            old, entry.action, entry.form = entry.action, written[rigs[other]], "KEYFRAMES"
            _delete_unused(old)
            show_form(other)
    return notes


def _write_on(rig: bpy.types.Object, solving: Solving, item: bpy.types.Object, notes: list[str]) -> Words[bpy.types.Action]:
    """The action of an armature for what was solved: on its bones, on its controls, or on a stand-in that they follow."""
    result, surface, cleanup = active(item), solving.surface_of(rig), cleanup_of(active(item))
    frames, times, played = _times(item)
    keyed = rig
    if constrained_bones(rig):
        motion_armature.remove(rig)
        controls = armature_action.write_controls(rig, result.name, surface.skinned, surface.targets[played], frames, times, cleanup)
        action = yield from counting("Posing controls", controls)
        if action:
            notes.append(f"Controls move the bones of {rig.name}: the keys are on its FK controls, and its limbs are switched to FK.")
            return action
        keyed = motion_armature.stand_in(rig) or rig
        notes.append(f"Constraints or drivers move bones of {rig.name}: the keys are on {keyed.name}, which its bones follow.")
    poses = yield from counting("Solving poses", solving.poses_of(rig))
    keys = armature_action.write_keys(keyed, result.name, poses[played], frames, times, cleanup, surface.skinned)
    return (yield from counting("Writing keys", keys))


def unmake(item: bpy.types.Object) -> None:
    """Takes the keyframes of an object's active result away, on all that it moves; the point cache plays again."""
    result = active(item)
    if result is None:
        return
    for other, entry in together(item, result):
        forget(other, entry)
        show_form(other)


def forget(item: bpy.types.Object, result: PlayedResult) -> None:
    """Takes the keyframes of one result of an object away: its armature plays what it should without them.

    An armature that was made goes with the last result that is keyframes on it.
    """
    if result.form != "KEYFRAMES":
        return
    action, made = result.action, made_armature.of(item)
    result.form, result.action = "CACHE", None
    if made and not any(_uses(other, made) for other in tags.tagged()):
        made_armature.remove(made)
    else:
        follow(item)
    _delete_unused(action)


def follow(item: bpy.types.Object) -> None:
    """Lets the armature of an object play the keyframes of the active result, where and as fast as that is played; else what it did before."""
    rig = armature_of(item)
    if rig is None or not rig.is_editable:
        return
    player = next((other for other in (item, *tags.tagged()) if armature_of(other) == rig and _plays_keys(other)), None)
    if player is None:
        armature_action.take_off(rig)
        motion_armature.remove(rig)
        return
    action = active(player).action
    if armature_action.on_controls(action):
        motion_armature.remove(rig)
        keyed = rig
    else:
        keyed = motion_armature.stand_in(rig) or rig
    if keyed != rig:
        armature_action.take_off(rig)
    armature_action.put_on(keyed, action)
    armature_action.retime(keyed, _origin(playback(active(player), scene_of(player))))


def cleanup_of(result: PlayedResult) -> Cleanup:
    """What the artist wants done to the keys of a result."""
    by_bone = {one.name: one.smooth for one in result.smoothed}
    return Cleanup(result.smooth, by_bone, result.loop, result.in_place, result.root_motion, result.tolerance / 100)


def _moved(item: bpy.types.Object) -> list[Moved]:
    """The objects that move with the active result of one, and where their motions are."""
    shown = together(item, active(item))
    motions = [as_shown(paths.motion_file(other, entry)) for other, entry in shown]
    worlds = [at_rest(other, armature_of(other)) for other, _ in shown]
    return [Moved(other, motion, entry.after, world) for (other, entry), motion, world in zip(shown, motions, worlds, strict=True)]


def _solving(moved: Sequence[Moved], result: PlayedResult) -> Solving:
    """Begins to solve; what stands is found, and listed, where it is to be held and nothing is listed yet. Raises UserError."""
    solving = Solving(moved)
    if result.contacts and not result.standing:
        _list_standing(solving.find_standing(), result)
    held = [Standing(one.name, one.first - 1, one.last - 1) for one in result.standing if one.held] if result.contacts else []
    solving.begin(held)
    return solving


def _list_standing(found: Sequence[Standing], result: PlayedResult) -> None:
    result.standing.clear()
    for one in found:
        entry = result.standing.add()
        entry.name, entry.first, entry.last = one.bone, one.first + 1, one.last + 1


def _times(item: bpy.types.Object) -> tuple[list[float], tuple[float, float], slice]:
    """Scene frames of the motion's frames that are played, where its first frame of all would be and the rate, and which frames these are."""
    times = playback(active(item), scene_of(item))
    played = range(times.first, times.last + 1)
    return [times.start + (index - times.first) / times.rate for index in played], _origin(times), slice(played.start, played.stop)


def _origin(times: Playback) -> tuple[float, float]:
    return times.start - times.first / times.rate, times.rate


def _plays_keys(item: bpy.types.Object) -> bool:
    result = active(item)
    return result is not None and result.form == "KEYFRAMES" and result.action is not None and not item.align4d.muted


def _uses(item: bpy.types.Object, rig: bpy.types.Object) -> bool:
    """Whether a result of an object, played or not, is keyframes on an armature."""
    return armature_of(item) == rig and any(result.form == "KEYFRAMES" for result in item.align4d.results)


def _delete_unused(action: bpy.types.Action | None) -> None:
    if action and action.users == 0:
        bpy.data.actions.remove(action)


def _posed(items: Sequence[bpy.types.Object], result: PlayedResult) -> tuple[list[bpy.types.Object], made_armature.Poses]:
    """The objects in the order of the job, and their poses. Raises UserError where some of the job are gone."""
    stored = protocol.read_result(job_folder(result))
    by_id = {item.align4d.id: item for item in items}
    if set(by_id) != {entry.id for entry in stored.objects}:
        message = "Some meshes of this motion are no longer here."
        raise UserError("meshes_gone", message, "Bring them back, or keep the point cache.")
    poses = made_armature.read_poses(job_folder(result), sum(entry.vertex_count for entry in stored.objects))
    return [by_id[entry.id] for entry in stored.objects], poses


def _in_world(item: bpy.types.Object) -> np.ndarray:
    """(V, 3) of an object's own vertices at rest."""
    scene, matrix = bpy.context.scene, np.array(item.matrix_world)
    vertices = base_shape(item, (scene.frame_current, scene.frame_subframe))
    return cast(np.ndarray, vertices @ matrix[:3, :3].T + matrix[:3, 3])
