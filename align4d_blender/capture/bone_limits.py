"""How far the artist lets bones turn: Limit Rotation constraints, and limits and locks of inverse kinematics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix

from .armatures import deforming_bones
from .bone_weights import bones_of_groups

_SPACES = ("LOCAL", "LOCAL_WITH_PARENT", "POSE", "WORLD")
"""Spaces of a Limit Rotation that can be kept; the other one, Custom, is that of an object which may move."""

_Angles = tuple[tuple[float, float], ...]
"""From where to where the angle about X, Y and Z may be [rad]."""

_FREE = (-math.inf, math.inf)


def limit_arrays(item: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> dict[str, np.ndarray] | None:
    """The arrays of `protocol.LIMIT_ARRAYS`; None where no bone that moves the object has limits.

    Args:
        depsgraph: evaluated, as the mesh was read.
    """
    bones = deforming_bones(item) if bones_of_groups(item) else []
    rows = [(number, *row) for number, one in enumerate(bones) for row in _limits(one.bone, one.rig.evaluated_get(depsgraph))]
    if not rows:
        return None
    of, against, frame, stand, order, angles = zip(*rows, strict=True)
    low, high = np.array(angles, np.float32).transpose(2, 0, 1)
    axes = np.array(["XYZ".index(axis) for word in order for axis in word], np.int32).reshape(-1, 3)
    return {
        "names": np.array([one.name for one in bones]),
        "parent": np.array([one.parent for one in bones], np.int32),
        "bone": np.array(of, np.int32),
        "against_parent": np.array(against, bool),
        "frame": np.array(frame, np.float32),
        "stand": np.array(stand, np.float32),
        "axes": axes,
        "low": np.take_along_axis(low, axes, 1),
        "high": np.take_along_axis(high, axes, 1),
    }


def _limits(bone: bpy.types.PoseBone, rig: bpy.types.Object) -> Iterator[tuple[bool, Matrix, Matrix, str, _Angles]]:
    """Of each limit of a bone: whether it is against the parent, how it would stand without a turn, how it stands, the order, the angles.

    `rig` is the evaluated armature; both matrices are (3, 3), in the world.
    """
    world, stands = rig.matrix_world.to_3x3(), rig.pose.bones[bone.name]
    stand, rest = world @ stands.matrix.to_3x3(), bone.bone.matrix_local.to_3x3()
    hangs = bone.parent is not None and bone.bone.use_inherit_rotation
    own = world @ rest
    if hangs:
        above = rig.pose.bones[bone.parent.name]
        own = world @ above.matrix.to_3x3() @ bone.parent.bone.matrix_local.to_3x3().inverted_safe() @ rest
    if any(limits := _by_inverse_kinematics(bone)):
        yield hangs, own, stand, "XYZ", limits
    for constraint in bone.constraints:
        if constraint.type != "LIMIT_ROTATION" or constraint.mute or not constraint.influence or constraint.owner_space not in _SPACES:
            continue
        limit = cast(bpy.types.LimitRotationConstraint, constraint)
        frames = {"LOCAL": own, "LOCAL_WITH_PARENT": world @ rest, "POSE": world, "WORLD": Matrix.Identity(3)}
        order = limit.euler_order if limit.euler_order != "AUTO" else bone.rotation_mode if len(bone.rotation_mode) == 3 else "XYZ"
        angles = tuple(_ends(limit, axis) for axis in "xyz")
        yield limit.owner_space == "LOCAL" and hangs, frames[limit.owner_space], stand, order, angles


def _ends(limit: bpy.types.LimitRotationConstraint, axis: str) -> tuple[float, float]:
    if not getattr(limit, f"use_limit_{axis}"):
        return _FREE
    ends = getattr(limit, f"min_{axis}"), getattr(limit, f"max_{axis}")
    return min(ends), max(ends)


def _by_inverse_kinematics(bone: bpy.types.PoseBone) -> _Angles:
    """What inverse kinematics lets a bone turn by; () where it may turn as it likes."""
    angles = []
    for axis in "xyz":
        if getattr(bone, f"lock_ik_{axis}"):
            angles.append((0.0, 0.0))
        elif getattr(bone, f"use_ik_limit_{axis}"):
            angles.append((getattr(bone, f"ik_min_{axis}"), getattr(bone, f"ik_max_{axis}")))
        else:
            angles.append(_FREE)
    return () if all(one == _FREE for one in angles) else tuple(angles)
