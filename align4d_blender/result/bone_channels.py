"""Poses as the channels of bones, each in its own rotation mode, and as many keys of them as a surface needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix

from ..capture.slices import Fractions, part
from . import key_cleanup, key_curves, key_reduction
from .bone_kinematics import Channel, turns_in_mode
from .key_cleanup import Cleanup
from .key_curves import Keys

MAKING = 0.1
"""Part of the work on fewer keys that goes into seeing how a surface hangs on them."""


def own_matrices(rig: bpy.types.Object, poses: np.ndarray) -> dict[str, list[Matrix]]:
    """Each bone's own matrix in each frame, by its name, for poses (T, K, 4, 4) in the armature's space and the order of its bones."""
    bones = list(cast(bpy.types.Armature, rig.data).bones)
    number = {bone.name: index for index, bone in enumerate(bones)}
    found = {}
    for index, bone in enumerate(bones):
        above = [pose[number[bone.parent.name]] for pose in poses] if bone.parent else [None] * len(poses)
        found[bone.name] = [_basis(bone, pose[index], parent) for pose, parent in zip(poses, above, strict=True)]
    return found


def channels_of(rig: bpy.types.Object, own: Mapping[str, Sequence[Matrix]], cleanup: Cleanup) -> list[Channel]:
    """The channels of all bones that move, for their own matrices in each frame."""
    channels = []
    for name, local in own.items():
        if _still(local):
            continue
        bone = cast(bpy.types.Armature, rig.data).bones[name]
        turns, places = _cleaned(name, local, cleanup)
        channels.append(Channel(name, *turns_in_mode(rig.pose.bones[name], turns)))
        if (bone.parent is None or not bone.use_connect) and np.abs(places).max() > 1e-6:
            channels.append(Channel(name, "location", places))
    return channels


def keys_of(channels: Sequence[Channel], allowed: float, surface: Callable[[], Fractions[key_reduction.Surface]]) -> Fractions[list[Keys]]:
    """The keys of each channel: one at every frame, or as few as leave the surface where it was.

    Args:
        allowed: how far the surface may be off, in the mean [units of length]; 0 for a key at every frame.
        surface: makes what hangs on the channels, where it is needed.
    """
    values = [channel.values for channel in channels]
    if allowed <= 0 or not values:
        return [key_curves.every_key(one) for one in values]
    hung = yield from part(0, MAKING, surface())
    return (yield from part(MAKING, 1, key_reduction.fewest(values, hung, allowed)))


def _cleaned(name: str, local: Sequence[Matrix], cleanup: Cleanup) -> tuple[np.ndarray, np.ndarray]:
    """A bone's turns (T, 4) and places (T, 3), after what `cleanup` asks for."""
    turns = key_cleanup.same_signs(np.array([matrix.to_quaternion() for matrix in local]))
    places = np.array([matrix.translation for matrix in local])
    if cleanup.loop:
        turns, places = key_cleanup.looped(turns), key_cleanup.looped(places)
    turns, places = (key_cleanup.smoothed(values, cleanup.smooth_of(name)) for values in (turns, places))
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
