"""How a surface hangs on the channels of an armature's bones: where it is for their values, and how it follows each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion, Vector

from ..capture.slices import Fractions
from .pose_solver import Skinned, spread

NUDGE = 1e-4
"""By how much a value is changed to see what follows it."""
POINTS = 40, 250
"""Of the surface that responses tell of, at least and at most: keys are weighed by fewer than they are checked by."""
LARGEST = 50_000_000
"""Numbers in all responses together, of which a long motion of many bones has fewer points."""


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


class Channels:
    """Channels with other values, as the matrices that they give their bones."""

    def __init__(self, rig: bpy.types.Object, channels: Sequence[Channel], values: Sequence[np.ndarray]) -> None:
        """`values` (T, C) of each channel."""
        self._modes = {bone.name: bone.rotation_mode for bone in rig.pose.bones}
        self._found = {(one.bone, one.name == "location"): (one.name, value) for one, value in zip(channels, values, strict=True)}

    def own(self, bone: str, frame: int) -> Matrix:
        """A bone's own matrix in a frame, as `PoseBone.matrix_basis`."""
        place = self._found.get((bone, True))
        name, turns = self._found.get((bone, False), ("", np.zeros((0, 4))))
        turn = Quaternion()
        if name == "rotation_quaternion":
            turn = Quaternion(turns[frame].tolist()).normalized()
        elif name == "rotation_axis_angle":
            turn = Quaternion(turns[frame, 1:].tolist(), float(turns[frame, 0]))
        elif name:
            turn = Euler(turns[frame].tolist(), self._modes[bone]).to_quaternion()
        return Matrix.LocRotScale(Vector(place[1][frame].tolist()) if place else None, turn, None)


class RiggedSurface:
    """A surface on bones whose channels are close to a motion; see `key_reduction.Surface`."""

    def __init__(self, rig: bpy.types.Object, channels: Sequence[Channel], surface: Skinned) -> None:
        """`surface` is in the armature's space, with weights in the order of its bones."""
        self._rig, self._channels, self._weights = rig, channels, surface.weights
        self._bones = list(cast(bpy.types.Armature, rig.data).bones)
        self._number = {bone.name: index for index, bone in enumerate(self._bones)}
        homogeneous = np.concatenate([surface.vertices, np.ones((len(surface.vertices), 1))], axis=1)
        inverse = np.linalg.inv(np.array([bone.matrix_local for bone in self._bones]))
        self._local = np.einsum("kij,vj->kvi", inverse, homogeneous)  # the vertices as each bone sees them
        self._values = [channel.values for channel in channels]
        self._poses = self._posed(self._values)
        self._true = self._shown(self._poses)
        self._carried = self._carried_by_bones()

    def off(self, values: Sequence[np.ndarray]) -> Fractions[float]:
        """How far the surface is from where it was, in the mean over its points and the frames, for other values (T, C) of the channels."""
        poses = self._posed(values)
        yield 0.5
        return float(np.linalg.norm(self._shown(poses) - self._true, axis=-1).mean())

    def responses(self, channel: int) -> np.ndarray:
        """(T, P, C) how coordinates of the surface change with each value of a channel; over the root of the number of points."""
        index = self._number[self._channels[channel].bone]
        before, values, columns = np.linalg.inv(self._poses[:, index]), list(self._values), []
        for column in range(self._values[channel].shape[1]):
            values[channel] = self._values[channel].copy()
            values[channel][:, column] += NUDGE
            changed = self._changed(index, values) @ before
            columns.append((changed - np.eye(4))[:, :3] / NUDGE)
        followed = np.einsum("tcij,tvj->tvic", np.stack(columns, axis=1), self._carried[index], optimize=True)
        scaled = followed.reshape(len(followed), -1, len(columns)) / np.sqrt(followed.shape[1])
        return cast(np.ndarray, scaled.astype(np.float32))

    def _carried_by_bones(self) -> np.ndarray:
        """(K, T, v, 4) for each bone, the sum of weight * position over what turns with it, of some of the points."""
        size = 3 * len(self._poses) * sum(values.shape[1] for values in self._values)
        count = min(max(LARGEST // max(size, 1), POINTS[0]), POINTS[1])
        points = spread(self._weights, count=count)
        carried = np.einsum("tkij,kvj,vk->ktvi", self._poses, self._local[:, points], self._weights[points], optimize=True)
        for index in range(len(self._bones) - 1, 0, -1):
            bone = self._bones[index]
            if bone.parent and bone.use_inherit_rotation:
                carried[self._number[bone.parent.name]] += carried[index]
        return cast(np.ndarray, carried)

    def _shown(self, poses: np.ndarray) -> np.ndarray:
        """(T, V, 3) of the surface in poses (T, K, 4, 4)."""
        return np.einsum("vk,tkij,kvj->tvi", self._weights, poses[:, :, :3], self._local, optimize=["einsum_path", (0, 2), (0, 1)])

    def _posed(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """(T, K, 4, 4) of the bones, for values (T, C) of the channels."""
        channels, poses = Channels(self._rig, self._channels, values), []
        for frame in range(len(values[0])):
            pose: list[Matrix] = []
            for bone in self._bones:
                pose.append(_posed(bone, channels.own(bone.name, frame), pose[self._number[bone.parent.name]] if bone.parent else None))
            poses.append(np.array(pose))
        return np.array(poses)

    def _changed(self, index: int, values: Sequence[np.ndarray]) -> np.ndarray:
        """(T, 4, 4) of one bone for other values of its channels; its parent stays."""
        bone, channels = self._bones[index], Channels(self._rig, self._channels, values)
        above = self._poses[:, self._number[bone.parent.name]] if bone.parent else [None] * len(self._poses)
        parents = [None if one is None else Matrix(one.tolist()) for one in above]
        return np.array([_posed(bone, channels.own(bone.name, frame), parent) for frame, parent in enumerate(parents)])


def _posed(bone: bpy.types.Bone, local: Matrix, parent: Matrix | None) -> Matrix:
    """A bone's pose in the armature's space for its own matrix and its parent's pose."""
    if parent is None:
        return bone.convert_local_to_pose(local, bone.matrix_local)
    return bone.convert_local_to_pose(local, bone.matrix_local, parent_matrix=parent, parent_matrix_local=bone.parent.matrix_local)


def turns_in_mode(turned: bpy.types.PoseBone | bpy.types.Object, turns: np.ndarray) -> tuple[str, np.ndarray]:
    """The property of a bone's, or an object's, rotation mode, and its values (T, 3 or 4) for quaternions (T, 4); Eulers do not jump."""
    if turned.rotation_mode == "QUATERNION":
        return "rotation_quaternion", turns
    quaternions = [Quaternion(turn) for turn in turns]
    if turned.rotation_mode == "AXIS_ANGLE":
        return "rotation_axis_angle", np.array([_axis_angle(turn) for turn in quaternions])
    eulers = [quaternions[0].to_euler(turned.rotation_mode)]
    for turn in quaternions[1:]:
        eulers.append(turn.to_euler(turned.rotation_mode, eulers[-1]))
    return "rotation_euler", np.array(eulers)


def _axis_angle(turn: Quaternion) -> tuple[float, ...]:
    axis, angle = turn.to_axis_angle()
    return angle, axis.x, axis.y, axis.z
