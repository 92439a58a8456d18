"""Poses as the channels of bones, each in its own rotation mode, and as many keys of them as a surface needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

from . import key_cleanup, key_curves, key_reduction
from .bone_kinematics import Channel
from .key_cleanup import Cleanup
from .key_curves import Keys


def own_matrices(rig: bpy.types.Object, poses: np.ndarray) -> dict[str, list[Matrix]]:
    """Each bone's own matrix in each frame, by its name, for poses (T, K, 4, 4) in the armature's space and the order of its bones."""
    bones = list(cast(bpy.types.Armature, rig.data).bones)
    number = {bone.name: index for index, bone in enumerate(bones)}
    found = {}
    for index, bone in enumerate(bones):
        above = [pose[number[bone.parent.name]] for pose in poses] if bone.parent else [None] * len(poses)
        found[bone.name] = [_basis(bone, pose[index], parent) for pose, parent in zip(poses, above, strict=True)]
    return found


def channels_of(rig: bpy.types.Object, own: Mapping[str, Sequence[Matrix]], cleanup: Cleanup, body: str = "") -> list[Channel]:
    """The channels of all bones that move, for their own matrices in each frame; `body` carries all others, beside bones without a parent."""
    channels = []
    for name, local in own.items():
        if _still(local):
            continue
        bone = cast(bpy.types.Armature, rig.data).bones[name]
        turns, places = _cleaned(rig, bone, local, cleanup, bone.parent is None or name == body)
        channels.append(Channel(name, *_in_mode(rig.pose.bones[name], turns)))
        if (bone.parent is None or not bone.use_connect) and np.abs(places).max() > 1e-6:
            channels.append(Channel(name, "location", places))
    return channels


def keys_of(channels: Sequence[Channel], allowed: float, surface: Callable[[], key_reduction.Surface]) -> list[Keys]:
    """The keys of each channel: one at every frame, or as few as leave the surface where it was.

    Args:
        allowed: how far the surface may be off, in the mean [units of length]; 0 for a key at every frame.
        surface: makes what hangs on the channels, where it is needed.
    """
    values = [channel.values for channel in channels]
    if allowed <= 0 or not values:
        return [key_curves.every_key(one) for one in values]
    return key_reduction.fewest(values, surface(), allowed)


def _cleaned(rig: bpy.types.Object, bone: bpy.types.Bone, local: Sequence[Matrix], cleanup: Cleanup, carries: bool) -> tuple[np.ndarray, np.ndarray]:
    """A bone's turns (T, 4) and places (T, 3), after what `cleanup` asks for; whether it `carries` all of the body."""
    turns = key_cleanup.same_signs(np.array([matrix.to_quaternion() for matrix in local]))
    places = np.array([matrix.translation for matrix in local])
    if cleanup.in_place and carries:
        down = np.array((rig.matrix_world.to_3x3() @ bone.matrix_local.to_3x3()).inverted() @ Vector((0, 0, 1)))
        down /= np.linalg.norm(down)
        places = places[0] + ((places - places[0]) @ down)[:, None] * down
    if cleanup.loop:
        turns, places = key_cleanup.looped(turns), key_cleanup.looped(places)
    turns, places = (key_cleanup.smoothed(values, cleanup.smooth_of(bone.name)) for values in (turns, places))
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
