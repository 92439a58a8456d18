"""Poses as keyframes on an armature: write an action, put it on, take it off again.

Nothing of the artist's is overwritten: the action that the armature had goes to a muted NLA track, other tracks are muted, and
`take_off` brings all of it back, with the pose.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix

from .. import compat
from ..capture.slices import Fractions, part
from . import bone_channels, carrying, control_rig, control_solver, root_motion
from .bone_kinematics import Channel, RiggedSurface
from .control_surface import ControlledSurface
from .key_cleanup import Cleanup
from .key_curves import Keys
from .pose_solver import Skinned

TRACK = "Align4D: before"
"""Name of the muted NLA track that holds the action which the armature had."""
TIMES = "align4d_times"
"""Custom property of an action of ours: the scene's frame of the motion's first one, and the rate, that its keys lie at."""
CONTROLS = "align4d_controls"
"""Custom property of an action of ours whose keys are on a rig's controls."""
ROOT = "align4d_root"
"""Custom property of an action of ours that moves the armature object as well."""
SOLVING = 0.6
"""Part of the work on controls that goes into their poses, the rest into fewer keys."""
FARTHEST = 0.01
"""How far the mesh may be off where the keys are on controls [parts of its longest side]; beyond it they go on a stand-in."""


def write_keys(
    rig: bpy.types.Object,
    name: str,
    poses: np.ndarray,
    frames: Sequence[float],
    times: tuple[float, float] = (1.0, 1.0),
    cleanup: Cleanup | None = None,
    surface: Skinned | None = None,
) -> Fractions[bpy.types.Action]:
    """Puts the poses (T, K, 4, 4) as keyframes on the armature, at the scene's `frames` (T,), in an action of their own.

    Rotation in each bone's own mode, location for bones that are free to move; bones that stay get no keys.
    `times` are the scene's frame of the motion's first one and the rate of the playback, from which `retime` goes on; `cleanup` says what
    else is done to them, and `surface` what has to stay where it is for fewer keys: without it there is one at every frame.
    Broken off, it has changed nothing.
    """
    cleanup = cleanup or Cleanup()
    everywhere = np.ones((1, len(rig.data.bones)))
    body = root_motion.carrier(rig, surface.weights if surface else everywhere)
    way = yield from root_motion.way_of(rig, poses[:, body], np.array(rig.data.bones[body].matrix_local), cleanup, surface)
    channels = bone_channels.channels_of(rig, bone_channels.own_matrices(rig, root_motion.left(poses, way)), cleanup)

    def hung() -> Fractions[RiggedSurface]:
        yield 0.0
        return RiggedSurface(rig, channels, surface)

    keys = yield from bone_channels.keys_of(channels, cleanup.tolerance * surface.size if surface else 0.0, hung)
    _set_aside(rig)
    return _written(rig, name, channels, keys, frames, times, way)


def write_controls(
    rig: bpy.types.Object,
    name: str,
    surface: Skinned,
    targets: np.ndarray,
    frames: Sequence[float],
    times: tuple[float, float],
    cleanup: Cleanup,
) -> Fractions[bpy.types.Action | None]:
    """Puts keyframes on the FK controls of a rig whose bones follow them, so that a surface is at `targets` (T, V, 3) in its space.

    See `write_keys` for the rest. Returns None where that is no rig of Rigify's, or where its controls do not bring the surface there; then,
    and broken off, it leaves the rig without keyframes.
    """
    if not control_rig.is_rigify(rig):
        return None
    _set_aside(rig)
    try:
        action = yield from _on_controls(rig, name, surface, targets, frames, times, cleanup)
    except BaseException:
        take_off(rig)
        raise
    if action is None:
        take_off(rig)
    return action


def _on_controls(
    rig: bpy.types.Object,
    name: str,
    surface: Skinned,
    targets: np.ndarray,
    frames: Sequence[float],
    times: tuple[float, float],
    cleanup: Cleanup,
) -> Fractions[bpy.types.Action | None]:
    """The same for a rig that rests, with what it played set aside."""
    switches = dict.fromkeys(control_rig.switches_of(rig), 1.0)
    control_rig.switch(rig, switches)
    deforming = [rig.data.bones[int(index)].name for index in np.flatnonzero(surface.weights.any(0))]
    solver = control_solver.ControlSolver(rig, control_rig.controls_of(rig, deforming), surface)
    found = yield from part(0, SOLVING, control_solver.solve(solver, targets))
    if found.off > FARTHEST:
        return None
    rest = np.array(rig.data.bones[control_rig.BODY].matrix_local)
    body = rest @ np.array(found.own[control_rig.BODY])
    way = yield from root_motion.way_of(rig, body, rest, cleanup, surface, turning=False)
    found.own[control_rig.BODY] = [Matrix(one.tolist()) for one in np.linalg.inv(rest) @ root_motion.left(body, way)]
    channels = bone_channels.channels_of(rig, found.own, cleanup)

    def hung() -> Fractions[ControlledSurface]:
        made = ControlledSurface(rig, solver, channels, surface)
        yield from made.begin()
        return made

    keys = yield from part(SOLVING, 1, bone_channels.keys_of(channels, cleanup.tolerance * surface.size, hung))
    action = _written(rig, name, channels, keys, frames, times, way, {control_rig.switch_path(one): value for one, value in switches.items()})
    action[CONTROLS] = True
    return action


def on_controls(action: bpy.types.Action) -> bool:
    """Whether the keys of an action of ours are on a rig's controls."""
    return bool(action.get(CONTROLS))


def put_on(rig: bpy.types.Object, action: bpy.types.Action) -> None:
    """Lets the armature play an action that `write_keys` has made for it."""
    if not is_keyed(rig) or rig.animation_data.action != action:
        _set_aside(rig)
        if action.get(ROOT):
            carrying.begin(rig)
        compat.assign(rig.animation_data, action)
    elif action.get(ROOT):
        carrying.hold_on(rig)


def take_off(rig: bpy.types.Object) -> None:
    """Brings back what the armature did before it got keyframes of ours; they stay in their action."""
    kept = json.loads(rig.align4d.set_aside or "{}")
    if not kept:
        return
    data = rig.animation_data
    track = next((one for one in data.nla_tracks if one.name == TRACK), None)
    data.action = None
    if track:
        strip = track.strips[0]
        data.action = strip.action
        compat.use_slot_of(data, strip)
        data.nla_tracks.remove(track)
    for other in data.nla_tracks:
        if other.name in kept["tracks"]:
            other.mute = False
    for bone in rig.pose.bones:
        if bone.name in kept["pose"]:
            bone.matrix_basis = Matrix(np.array(kept["pose"][bone.name]).reshape(4, 4).tolist())
    control_rig.switch(rig, kept.get("switches", {}))
    carrying.end(rig, kept.get(carrying.OBJECT))
    armature = cast(bpy.types.Armature, rig.data)
    if armature.is_editable:
        armature.pose_position = kept["position"]
    rig.align4d.set_aside = ""


def retime(rig: bpy.types.Object, times: tuple[float, float]) -> None:
    """Moves all keys that the armature plays to another start and rate; keys that the artist has added or moved go with them."""
    action = rig.animation_data.action
    (old_start, old_rate), (start, rate) = action[TIMES], times
    if (old_start, old_rate) == times:
        return
    for curve in compat.fcurves(rig):
        for point in curve.keyframe_points:
            for place in (point.co, point.handle_left, point.handle_right):
                place.x = start + (place.x - old_start) * old_rate / rate
        curve.update()
    _set_range(action, *(start + (frame - old_start) * old_rate / rate for frame in (action.frame_start, action.frame_end)))
    action[TIMES] = times


def delete_armature(rig: bpy.types.Object) -> None:
    """Deletes an armature of ours, with its data; the keyframes stay in their action."""
    carrying.let_go(rig)
    data = cast(bpy.types.Armature, rig.data)
    bpy.data.objects.remove(rig)
    bpy.data.armatures.remove(data)


def is_keyed(rig: bpy.types.Object) -> bool:
    """Whether the armature plays keyframes of ours."""
    return bool(rig.align4d.set_aside)


def _set_aside(rig: bpy.types.Object) -> None:
    """Mutes what the armature plays and lets its bones rest, so that a new action is alone; `take_off` finds it again."""
    if is_keyed(rig):
        take_off(rig)
    data = rig.animation_data or rig.animation_data_create()
    playing = [track.name for track in data.nla_tracks if not track.mute]
    pose = {bone.name: [value for row in bone.matrix_basis for value in row] for bone in rig.pose.bones}
    for name in playing:
        data.nla_tracks[name].mute = True
    if data.action:
        track = data.nla_tracks.new()
        track.name = TRACK
        strip = track.strips.new(data.action.name, int(data.action.frame_range[0]), data.action)
        compat.keep_slot(data, strip)
        track.mute = True
        data.action = None
    for bone in rig.pose.bones:
        bone.matrix_basis.identity()
    armature = cast(bpy.types.Armature, rig.data)
    kept = {"tracks": playing, "pose": pose, "position": armature.pose_position, "switches": control_rig.switches_of(rig)}
    rig.align4d.set_aside = json.dumps(kept)
    if armature.is_editable:
        armature.pose_position = "POSE"


def _written(
    rig: bpy.types.Object,
    name: str,
    channels: Sequence[Channel],
    keys: Sequence[Keys],
    frames: Sequence[float],
    times: tuple[float, float],
    way: root_motion.Way | None,
    constants: Mapping[str, float] | None = None,
) -> bpy.types.Action:
    """A new action that the armature plays, with the keys of each channel, those of the object's `way`, and one key each for what stays, by
    its path."""
    action = bpy.data.actions.new(name)
    action[TIMES] = times
    if way and way.names:
        action[ROOT] = True
        carrying.begin(rig)
    writer = _Writer(compat.new_curves(action, rig), frames)
    for channel, some in zip(channels, keys, strict=True):
        writer.fill(f"{rig.pose.bones[channel.bone].path_from_id()}.{channel.name}", channel.bone, some)
    for path, some in zip(way.names, way.keys, strict=True) if way else ():
        writer.fill(path, "Object Transforms", some)
    for path, value in (constants or {}).items():
        writer.hold(path, value)
    _set_range(action, frames[0], frames[-1])
    return action


def _set_range(action: bpy.types.Action, first: float, last: float) -> None:
    """The action's own range, which the action editor shows, and exporters and strips take."""
    action.use_frame_range, action.frame_start, action.frame_end = True, first, last


class _Writer:
    """Fills curves of one action at the same, evenly spaced frames."""

    def __init__(self, curves: compat.Curves, frames: Sequence[float]) -> None:
        self.curves, self.frames = curves, np.asarray(frames, np.float64)
        self.step = float(self.frames[1] - self.frames[0]) if len(frames) > 1 else 1.0

    def hold(self, path: str, value: float) -> None:
        """A curve of one key."""
        curve = self.curves.new(path, 0, "Align4D")
        curve.keyframe_points.add(1)
        curve.keyframe_points[0].co = float(self.frames[0]), value
        curve.update()

    def fill(self, path: str, group: str, keys: Keys) -> None:
        """A curve for each column of the keys."""
        frames, slopes = self.frames[keys.rows], keys.slopes / self.step
        third = np.diff(frames, prepend=frames[0] - self.step, append=frames[-1] + self.step) / 3
        for column in range(keys.values.shape[1]):
            curve = self.curves.new(path, column, group)
            curve.keyframe_points.add(len(frames))
            height, rise = keys.values[:, column], slopes[:, column]
            for name, x, y in (
                ("co", frames, height),
                ("handle_left", frames - third[:-1], height - rise * third[:-1]),
                ("handle_right", frames + third[1:], height + rise * third[1:]),
            ):
                curve.keyframe_points.foreach_set(name, np.stack([x, y], axis=1).astype(np.float32).ravel())
            for point in curve.keyframe_points:
                point.interpolation, point.handle_left_type, point.handle_right_type = "BEZIER", "ALIGNED", "ALIGNED"
            curve.update()
