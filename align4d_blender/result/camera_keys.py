"""Keyframes of a solved camera that moves. Brings numpy in, so it is imported where there is such a camera."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

from ...engine.align4d import protocol
from .. import compat
from .armature_action import TIMES, retime
from .playback import Playback


def write_path(camera: bpy.types.Object, path: Sequence[protocol.Matrix4], times: Playback) -> None:
    """One keyframe for each matrix, camera to world in a frame of the motion."""
    start, rate = _times(times)
    camera.rotation_mode = "QUATERNION"
    rows: list[tuple[Vector, Quaternion]] = []
    for matrix in path:
        location, rotation, _ = Matrix(matrix).decompose()
        if rows and rotation.dot(rows[-1][1]) < 0:  # the same rotation, and the short way to it
            rotation.negate()
        rows.append((location, rotation))
    action = bpy.data.actions.new(camera.name)
    action[TIMES] = start, rate
    camera.animation_data_create()
    curves = compat.new_curves(action, camera)
    frames = start + np.arange(len(rows)) / rate
    for name, column in (("location", 0), ("rotation_quaternion", 1)):
        values = np.array([row[column] for row in rows])
        for index in range(values.shape[1]):
            points = curves.new(name, index, "Camera").keyframe_points
            points.add(len(frames))
            points.foreach_set("co", np.stack([frames, values[:, index]], axis=1).astype(np.float32).ravel())
            for point in points:
                point.interpolation = "LINEAR"


def keep_path_in_step(camera: bpy.types.Object, times: Playback) -> None:
    """Moves the keyframes of a camera that plays an action to where the motion is played; nothing where that is one of the artist's."""
    if camera.animation_data.action.get(TIMES) is not None:
        retime(camera, _times(times))


def _times(times: Playback) -> tuple[float, float]:
    """The scene's frame of the motion's first one, and the rate."""
    return times.start - times.first / times.rate, times.rate
