"""The camera that the reference video was seen by, as the artist gave it -> the protocol's spec."""

from __future__ import annotations

import math
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

from ...engine.align4d import protocol
from ..errors import UserError
from .choices import chosen_camera, view_of
from .reference import Reference

FRONT_FOVY = 49.1
"""Vertical angle of the front view [degrees]; the usual one of image-to-3D models."""

_FRONT = Quaternion((math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0))
"""Rotation of a camera that looks along +Y with Z up."""


def camera_of(context: bpy.types.Context, reference: Reference, low: np.ndarray, high: np.ndarray) -> protocol.CameraSpec:
    """The camera that the artist chose; `low` and `high` are the corners (3,) of everything selected, in world space."""
    settings = context.scene.align4d
    aspect = reference.width / reference.height
    camera = chosen_camera(context)
    if camera:
        matrix, fovy = scene_camera(camera, aspect)
    elif settings.camera == "VIEW":
        matrix, fovy = _current_view(context, low, high, aspect)
    else:
        matrix, fovy = fitting_camera(_FRONT, low, high, aspect), FRONT_FOVY
    return protocol.CameraSpec(tuple(tuple(row) for row in matrix), fovy, settings.solve_camera)


def fitting_camera(rotation: Quaternion, low: np.ndarray, high: np.ndarray, aspect: float) -> Matrix:
    """Camera to world: looks with `rotation` at the middle of the box, from where the whole box fits a frame of FRONT_FOVY and `aspect`."""
    corners = np.array([[(low, high)[i][0], (low, high)[j][1], (low, high)[k][2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    center = (low + high) / 2
    local = (corners - center) @ np.array(rotation.to_matrix())
    tangent = math.tan(math.radians(FRONT_FOVY) / 2)
    distance = 1.1 * float((np.maximum(np.abs(local[:, 0]) / aspect, np.abs(local[:, 1])) / tangent + local[:, 2]).max())
    return Matrix.LocRotScale(Matrix.Translation(center).translation + rotation @ Matrix.Translation((0, 0, distance)).translation, rotation, None)


def scene_camera(camera: bpy.types.Object, aspect: float) -> tuple[Matrix, float]:
    """Pose and vertical angle with which this camera would render a frame of the video's shape."""
    if camera.type != "CAMERA" or camera.data.type != "PERSP":
        advice = "Set the camera's type to Perspective, or choose another entry under Seen From."
        raise UserError("camera_not_perspective", f"{camera.name} is not a perspective camera.", advice)
    lens = cast(bpy.types.Camera, camera.data)
    location, rotation, _ = camera.matrix_world.decompose()
    return Matrix.LocRotScale(location, rotation, None), math.degrees(vertical_angle(lens, aspect))


def vertical_angle(lens: bpy.types.Camera, aspect: float) -> float:
    """Vertical angle [rad] of a frame of this width / height: sensor_fit says which side the sensor size belongs to."""
    if lens.sensor_fit == "VERTICAL":
        height = lens.sensor_height
    elif lens.sensor_fit == "HORIZONTAL" or aspect >= 1:
        height = lens.sensor_width / aspect
    else:
        height = lens.sensor_width
    return 2 * math.atan(height / 2 / lens.lens)


def _current_view(context: bpy.types.Context, low: np.ndarray, high: np.ndarray, aspect: float) -> tuple[Matrix, float]:
    view = view_of(context)
    if view is None:
        advice = "Press Generate in a 3D view, or choose another entry under Seen From."
        raise UserError("no_view", "There is no current view to look from.", advice)
    matrix = view.view_matrix.inverted()
    if view.view_perspective == "ORTHO":
        return fitting_camera(matrix.to_quaternion(), low, high, aspect), FRONT_FOVY
    return matrix, math.degrees(2 * math.atan(1 / view.window_matrix[1][1]))
