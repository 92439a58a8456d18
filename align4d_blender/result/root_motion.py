"""The way over the ground: taken out of the bones and, as game engines want it, put on the armature object.

What carries the body goes its way; everything is moved against that, as one, so that the surface stays where it was. The bones make up for
what the object's keys are off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

from ..capture.slices import Fractions
from . import key_cleanup, key_curves, key_reduction
from .bone_kinematics import NUDGE, turns_in_mode
from .carrying import rest_basis, rest_world
from .key_cleanup import Cleanup
from .key_curves import Keys
from .pose_solver import Skinned

CARRIES = 0.95
"""A bone carries the body that moves this part of the surface, with all that hangs on it."""
SWAY = 12.0
"""Turns to and fro that are over within about so many frames are a sway of the body, which stays in its bones."""
EVEN = 1e-4
"""How unlike the scales of an object's axes may be for it to turn with its bones making up for that."""


@dataclass(frozen=True)
class Way:
    """How the body goes over the ground.

    Attributes:
        moved: (T, 4, 4) by which everything is moved in each frame, in the armature's space.
        names, keys: properties of the armature object that move it so, and their keys; none where the way is just left out.
    """

    moved: np.ndarray
    names: tuple[str, ...] = ()
    keys: tuple[Keys, ...] = ()


def carrier(rig: bpy.types.Object, weights: np.ndarray) -> int:
    """Index of the bone that carries the body, by the weights (V, K) of its surface: the last one down the tree that moves nearly all of it."""
    bones = list(cast(bpy.types.Armature, rig.data).bones)
    number = {bone.name: index for index, bone in enumerate(bones)}
    carried = weights.sum(0).astype(np.float64)
    whole = carried.sum()
    for index in range(len(bones) - 1, -1, -1):
        if above := bones[index].parent:
            carried[number[above.name]] += carried[index]
    body = np.flatnonzero(carried >= CARRIES * whole)
    return int(body[-1] if len(body) else carried.argmax())


def way_of(
    rig: bpy.types.Object, body: np.ndarray, rest: np.ndarray, cleanup: Cleanup, surface: Skinned | None = None, turning: bool = True
) -> Fractions[Way | None]:
    """The way that `cleanup` takes out of the bones; None where it leaves it in them.

    Args:
        body: (T, 4, 4) poses of the bone that carries the body, in the armature's space; `rest` (4, 4) where it rests.
        surface: what its keys are weighed by, where there are to be fewer of them.
        turning: whether the object may turn about the vertical too.
    """
    if not (cleanup.in_place or cleanup.root_motion):
        return None
    world = np.array(rest_world(rig))
    turning = turning and cleanup.root_motion and not cleanup.in_place and _even(world) and _even(np.array(_space(rig)))
    moved = _over_ground(world @ body, world @ rest, cleanup.smooth, turning)
    if cleanup.in_place:
        return Way(np.linalg.inv(world) @ moved @ world)
    track = _Track(rig, surface, _channels(rig, moved, turning))
    values = [value for _, value in track.channels]
    keys = [key_curves.every_key(value) for value in values]
    if surface is not None and cleanup.tolerance > 0:
        keys = yield from key_reduction.fewest(values, track, cleanup.tolerance * surface.size)
    drawn = track.moved([one.drawn() for one in keys])
    return Way(drawn, tuple(name for name, _ in track.channels), tuple(keys))


def left(poses: np.ndarray, way: Way | None) -> np.ndarray:
    """Poses (T, ..., 4, 4) in the armature's space without the way."""
    if way is None:
        return poses
    inverse = np.linalg.inv(way.moved)
    return cast(np.ndarray, inverse.reshape(len(inverse), *[1] * (poses.ndim - 3), 4, 4) @ poses)


class _Track:
    """The armature object's channels, as what they do to a surface that is moved with it; see `key_reduction.Surface`."""

    def __init__(self, rig: bpy.types.Object, surface: Skinned | None, channels: Sequence[tuple[str, np.ndarray]]) -> None:
        self.rig, self.channels = rig, channels
        vertices = surface.vertices if surface is not None else np.zeros((1, 3))
        box = np.array([vertices.min(0), vertices.max(0)])
        self._corners = np.array([[box[i, 0], box[j, 1], box[k, 2], 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        self._values = [values for _, values in channels]
        self._true = self._shown(self._values)

    def moved(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """(T, 4, 4) by which the object is moved in its own space, for values (T, C) of its channels."""
        space, rest, found = _space(self.rig), rest_world(self.rig), []
        with _put_back(self.rig):
            for frame in range(len(values[0])):
                for (name, _), value in zip(self.channels, values, strict=True):
                    setattr(self.rig, name, value[frame].tolist())
                found.append(np.array(rest.inverted() @ space @ self.rig.matrix_basis))
        return np.array(found)

    def off(self, values: Sequence[np.ndarray]) -> Fractions[float]:
        """How far the corners of the surface are off in the mean."""
        yield 0.0
        return float(np.linalg.norm(self._shown(values) - self._true, axis=-1).mean())

    def responses(self, channel: int) -> np.ndarray:
        """(T, P, C) how the corners move with each value of a channel; over the root of their number."""
        columns = []
        for column in range(self._values[channel].shape[1]):
            changed = list(self._values)
            changed[channel] = changed[channel].copy()
            changed[channel][:, column] += NUDGE
            columns.append((self._shown(changed) - self._true).reshape(len(self._true), -1) / NUDGE)
        return np.stack(columns, axis=-1) / np.sqrt(len(self._corners))

    def _shown(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """(T, 8, 3) of the corners."""
        return cast(np.ndarray, (self._corners @ self.moved(values).transpose(0, 2, 1))[..., :3])


def _over_ground(body: np.ndarray, rest: np.ndarray, smooth: float, turning: bool) -> np.ndarray:
    """(T, 4, 4) in the world by which everything moves with the body (T, 4, 4): along the ground, and about the vertical through it."""
    places = key_cleanup.smoothed(body[:, :2, 3], smooth)
    angles = np.zeros(len(body))
    if turning:
        angles = key_cleanup.smoothed(_heading(body @ np.linalg.inv(rest))[:, None], max(SWAY, smooth))[:, 0]
        angles -= angles[0]
    moved = np.tile(np.eye(4), (len(body), 1, 1))
    sine, cosine = np.sin(angles), np.cos(angles)
    moved[:, 0, 0], moved[:, 0, 1], moved[:, 1, 0], moved[:, 1, 1] = cosine, -sine, sine, cosine
    moved[:, :2, 3] = places - moved[:, :2, :2] @ places[0]
    return moved


def _heading(turned: np.ndarray) -> np.ndarray:
    """(T,) how far the body (T, 4, 4) is turned about the vertical [rad], without jumps."""
    turns = [Matrix(one[:3, :3].tolist()).to_quaternion() for one in turned]
    return np.unwrap([2 * np.arctan2(turn.z, turn.w) for turn in turns])


def _channels(rig: bpy.types.Object, moved: np.ndarray, turning: bool) -> list[tuple[str, np.ndarray]]:
    """The properties that bring the armature object where it is moved (T, 4, 4) to in the world, and their values (T, C)."""
    space, basis = _space(rig), rest_basis(rig)
    places, turns = [], []
    with _put_back(rig):
        for one in moved:
            rig.matrix_basis = space.inverted() @ Matrix(one.tolist()) @ space @ basis
            places.append(rig.location[:])
            turns.append(_turn(rig))
    found = [("location", np.array(places))]
    if turning:
        found.append(turns_in_mode(rig, key_cleanup.same_signs(np.array(turns))))
    return found


def _turn(rig: bpy.types.Object) -> Quaternion:
    """What an object's own rotation is, in whichever mode."""
    if rig.rotation_mode == "QUATERNION":
        return rig.rotation_quaternion.copy()
    if rig.rotation_mode == "AXIS_ANGLE":
        return Quaternion(rig.rotation_axis_angle[1:], rig.rotation_axis_angle[0])
    return rig.rotation_euler.to_quaternion()


def _space(rig: bpy.types.Object) -> Matrix:
    """In which an object's own channels are: that of what it hangs on."""
    return rest_world(rig) @ rest_basis(rig).inverted()


def _even(matrix: np.ndarray) -> bool:
    """Whether a matrix (4, 4) scales all directions alike."""
    square = matrix[:3, :3].T @ matrix[:3, :3]
    return bool(np.abs(square - np.trace(square) / 3 * np.eye(3)).max() < EVEN * np.trace(square))


@contextmanager
def _put_back(rig: bpy.types.Object) -> Iterator[None]:
    """Puts an object's own channels back as they were."""
    names = ("location", "rotation_quaternion", "rotation_axis_angle", "rotation_euler", "scale")
    kept = {name: tuple(getattr(rig, name)) for name in names}
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(rig, name, value)
