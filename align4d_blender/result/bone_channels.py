"""Poses as the channels of bones, each in its own rotation mode, and as many keys of them as a surface needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion, Vector

from . import key_cleanup
from .key_cleanup import Cleanup, Keys
from .pose_solver import Skinned, skin

WIDEST = 64.0
"""How much more than the whole surface may be off a single bone may, at most: what one loses another may have to spare."""
HALVINGS = 7
"""How often the range of what bones may be off is halved."""


@dataclass(frozen=True)
class Channel:
    """What a bone does in one of its properties.

    Attributes:
        bone: its name.
        name: of the property: location, rotation_quaternion, rotation_euler or rotation_axis_angle.
        values: (T, C).
    """

    bone: str
    name: str
    values: np.ndarray


def channels_of(rig: bpy.types.Object, poses: np.ndarray, cleanup: Cleanup) -> list[Channel]:
    """The channels of all bones that move in poses (T, K, 4, 4), in the armature's space and the order of its bones."""
    bones = list(cast(bpy.types.Armature, rig.data).bones)
    number = {bone.name: index for index, bone in enumerate(bones)}
    channels = []
    for index, bone in enumerate(bones):
        above = [pose[number[bone.parent.name]] for pose in poses] if bone.parent else [None] * len(poses)
        local = [_basis(bone, pose[index], parent) for pose, parent in zip(poses, above, strict=True)]
        if _still(local):
            continue
        turns, places = _cleaned(rig, bone, local, cleanup)
        name, values = _in_mode(rig.pose.bones[bone.name], turns)
        channels.append(Channel(bone.name, name, values))
        if (bone.parent is None or not bone.use_connect) and np.abs(places).max() > 1e-6:
            channels.append(Channel(bone.name, "location", places))
    return channels


def keys_of(rig: bpy.types.Object, channels: Sequence[Channel], tolerance: float, surface: Skinned | None) -> list[Keys]:
    """The keys of each channel: one at every frame, or as few as leave the surface where it was.

    Args:
        tolerance: how far the surface may be off, in the mean [parts of its longest side]; 0 for a key at every frame.
        surface: in the armature's space, with weights in the order of its bones; None for a key at every frame.
    """
    if tolerance <= 0 or surface is None or not channels:
        return [key_cleanup.every_key(channel.values) for channel in channels]
    true = _shown(rig, channels, [channel.values for channel in channels], surface)
    allowed = tolerance * float(np.ptp(surface.vertices, axis=0).max())
    effects = _effects(rig, channels, surface)
    low, high, best = -3.0, float(np.log2(WIDEST)), _fitted(channels, allowed / 8 / effects)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        tried = _fitted(channels, allowed * 2**middle / effects)
        if np.linalg.norm(_shown(rig, channels, [keys.drawn() for keys in tried], surface) - true, axis=-1).mean() <= allowed:
            low, best = middle, tried
        else:
            high = middle
    return best


def _fitted(channels: Sequence[Channel], allowed: np.ndarray) -> list[Keys]:
    return [key_cleanup.fitted(channel.values, float(most)) for channel, most in zip(channels, allowed, strict=True)]


def _effects(rig: bpy.types.Object, channels: Sequence[Channel], surface: Skinned) -> np.ndarray:
    """(C,) how far the surface moves where a channel changes by 1: in the mean over all of it, mixed with the most that a part of it does.

    What moves much needs many keys; a finger, which is a small part of the whole, does with fewer, but is not let go.
    """
    bones = {bone.name: bone for bone in cast(bpy.types.Armature, rig.data).bones}
    column = {name: index for index, name in enumerate(bones)}
    found = []
    for channel in channels:
        bone = bones[channel.bone]
        hanging = surface.weights[:, [column[bone.name], *(column[child.name] for child in bone.children_recursive)]].sum(1)
        moved = hanging
        if channel.name != "location":
            arm = np.linalg.norm(surface.vertices - np.array(bone.head_local), axis=1)
            moved = hanging * arm * (2 if channel.name == "rotation_quaternion" else 1)  # a quaternion turns by half of the angle
        found.append(np.sqrt(moved.mean() * moved.max()))
    return np.maximum(np.array(found), 1e-3 * max(found))


def _shown(rig: bpy.types.Object, channels: Sequence[Channel], values: Sequence[np.ndarray], surface: Skinned) -> np.ndarray:
    """(T, V, 3) of the surface where the channels have these values (T, C)."""
    bones = list(cast(bpy.types.Armature, rig.data).bones)
    rest = np.array([bone.matrix_local for bone in bones])
    found = {(channel.bone, channel.name == "location"): (channel.name, one) for channel, one in zip(channels, values, strict=True)}
    rows = []
    for frame in range(len(values[0])):
        poses: dict[str, Matrix] = {}
        for bone in bones:
            poses[bone.name] = _posed(bone, _local(rig, bone, found, frame), poses)
        rows.append(skin(rest, surface, np.array(list(poses.values()))))
    return np.array(rows)


def _local(rig: bpy.types.Object, bone: bpy.types.Bone, found: dict[tuple[str, bool], tuple[str, np.ndarray]], frame: int) -> Matrix:
    """A bone's own matrix in a frame."""
    place = found.get((bone.name, True))
    name, turns = found.get((bone.name, False), ("", np.zeros((0, 4))))
    turn = Quaternion()
    if name == "rotation_quaternion":
        turn = Quaternion(turns[frame].tolist()).normalized()
    elif name == "rotation_axis_angle":
        turn = Quaternion(turns[frame, 1:].tolist(), float(turns[frame, 0]))
    elif name:
        turn = Euler(turns[frame].tolist(), rig.pose.bones[bone.name].rotation_mode).to_quaternion()
    return Matrix.LocRotScale(Vector(place[1][frame].tolist()) if place else None, turn, None)


def _posed(bone: bpy.types.Bone, local: Matrix, poses: dict[str, Matrix]) -> Matrix:
    if bone.parent is None:
        return bone.convert_local_to_pose(local, bone.matrix_local)
    return bone.convert_local_to_pose(local, bone.matrix_local, parent_matrix=poses[bone.parent.name], parent_matrix_local=bone.parent.matrix_local)


def _cleaned(rig: bpy.types.Object, bone: bpy.types.Bone, local: Sequence[Matrix], cleanup: Cleanup) -> tuple[np.ndarray, np.ndarray]:
    """A bone's turns (T, 4) and places (T, 3), after what `cleanup` asks for."""
    turns = key_cleanup.same_signs(np.array([matrix.to_quaternion() for matrix in local]))
    places = np.array([matrix.translation for matrix in local])
    if cleanup.in_place and bone.parent is None:
        down = np.array((rig.matrix_world.to_3x3() @ bone.matrix_local.to_3x3()).inverted() @ Vector((0, 0, 1)))
        down /= np.linalg.norm(down)
        places = places[0] + ((places - places[0]) @ down)[:, None] * down
    if cleanup.loop:
        turns, places = key_cleanup.looped(turns), key_cleanup.looped(places)
    turns, places = (key_cleanup.smoothed(values, cleanup.smooth) for values in (turns, places))
    return key_cleanup.normalized(turns), places


def _basis(bone: bpy.types.Bone, pose: np.ndarray, parent: np.ndarray | None) -> Matrix:
    """A bone's own channels for a pose (4, 4) in the armature's space, whatever it inherits of its parent's rotation and scale."""
    matrix = Matrix(pose.tolist())
    if parent is None:
        return bone.convert_local_to_pose(matrix, bone.matrix_local, invert=True)
    above = {"parent_matrix": Matrix(parent.tolist()), "parent_matrix_local": bone.parent.matrix_local}
    return bone.convert_local_to_pose(matrix, bone.matrix_local, **above, invert=True)


def _still(local: Sequence[Matrix]) -> bool:
    """Whether a bone stands in its rest position in every frame."""
    return bool(np.abs(np.array(local) - np.eye(4)).max() < 1e-6)


def _in_mode(bone: bpy.types.PoseBone, turns: np.ndarray) -> tuple[str, np.ndarray]:
    """The property of the bone's rotation mode, and its values (T, 3 or 4) for quaternions (T, 4); Eulers do not jump."""
    if bone.rotation_mode == "QUATERNION":
        return "rotation_quaternion", turns
    quaternions = [Quaternion(turn) for turn in turns]
    if bone.rotation_mode == "AXIS_ANGLE":
        return "rotation_axis_angle", np.array([_axis_angle(turn) for turn in quaternions])
    eulers = [quaternions[0].to_euler(bone.rotation_mode)]
    for turn in quaternions[1:]:
        eulers.append(turn.to_euler(bone.rotation_mode, eulers[-1]))
    return "rotation_euler", np.array(eulers)


def _axis_angle(turn: Quaternion) -> tuple[float, ...]:
    axis, angle = turn.to_axis_angle()
    return angle, axis.x, axis.y, axis.z
