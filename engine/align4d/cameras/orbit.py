"""The camera of the video: where it stands around the asset, in the orbit convention and as matrices. Standard library and numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Orbit:
    """A camera around the normalized asset (center at the origin, longest side 1).

    Azimuth 0 looks along +Y (Blender's front view), a positive one stands towards +X; a positive elevation stands above.
    With roll, yaw and pitch 0 it looks at the origin, with +Z up.

    Attributes:
        azimuth, elevation: of the camera's place [degrees].
        distance: from the asset's center, in longest sides of the asset.
        roll: about the viewing axis [degrees]; a positive one turns the picture counter-clockwise.
        yaw, pitch: by how much it looks past the asset's center, to the right and up [degrees].
        fovy: vertical field of view of its pictures [degrees]; 49.1 is that of the published multiview priors.
    """

    azimuth: float = 0.0
    elevation: float = 0.0
    distance: float = 2.0
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    fovy: float = 49.1

    def position(self) -> np.ndarray:
        """(3,) place of the camera."""
        azimuth, elevation = np.radians([self.azimuth, self.elevation])
        direction = [np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation)]
        return self.distance * np.array(direction)

    def world_to_camera(self) -> np.ndarray:
        """(4, 4) float64, OpenCV axes."""
        azimuth, elevation = np.radians([self.azimuth, self.elevation])
        right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
        forward = -np.array([np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation)])
        rotation = _turn(self.yaw, self.pitch, self.roll) @ np.stack([right, np.cross(forward, right), forward])
        matrix = np.eye(4)
        matrix[:3, :3] = rotation
        matrix[:3, 3] = -rotation @ self.position()
        return matrix

    def around(self, point: Sequence[float]) -> Orbit:
        """The same camera, counted from `point` (3,) in the place of the asset's center."""
        matrix = self.world_to_camera()
        matrix[:3, 3] += matrix[:3, :3] @ np.asarray(point, np.float64)
        return orbit_from_matrix(matrix, self.fovy)

    def moved(self, **changes: float) -> Orbit:
        """A copy with some attributes replaced."""
        return replace(self, **changes)


def orbit_from_matrix(world_to_camera: np.ndarray, fovy: float = Orbit.fovy) -> Orbit:
    """The orbit camera of a rigid world-to-camera matrix (4, 4) and a vertical field of view [degrees]."""
    rotation, position = world_to_camera[:3, :3], -world_to_camera[:3, :3].T @ world_to_camera[:3, 3]
    distance = float(np.linalg.norm(position))
    direction = position / max(distance, 1e-12)
    elevation = float(np.degrees(np.arcsin(np.clip(direction[2], -1, 1))))
    # straight from above or below the azimuth is free: take the one that leaves the least roll
    azimuth = np.arctan2(direction[0], -direction[1]) if np.hypot(direction[0], direction[1]) > 1e-6 else np.arctan2(rotation[0, 1], rotation[0, 0])
    bare = Orbit(float(np.degrees(azimuth)), elevation, distance, fovy=fovy)
    turn = rotation @ bare.world_to_camera()[:3, :3].T
    # turn = roll(z) pitch(x) yaw(y), see _turn: its last row depends on yaw and pitch only
    pitch = float(np.degrees(np.arcsin(np.clip(-turn[2, 1], -1, 1))))
    yaw = float(np.degrees(np.arctan2(turn[2, 0], turn[2, 2])))
    level = turn @ _turn(yaw, pitch, 0.0).T
    return bare.moved(yaw=yaw, pitch=pitch, roll=float(np.degrees(np.arctan2(level[0, 1], level[0, 0]))))


def _turn(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation in camera space [degrees]: look right by yaw, then up by pitch, then roll."""
    (a, b, c), (p, q, r) = np.cos(np.radians([yaw, pitch, roll])), np.sin(np.radians([yaw, pitch, roll]))
    about_y = np.array([[a, 0, -p], [0, 1, 0], [p, 0, a]])
    about_x = np.array([[1, 0, 0], [0, b, q], [0, -q, b]])
    about_z = np.array([[c, r, 0], [-r, c, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def intrinsics_for(fovy: float, width: int, height: int) -> np.ndarray:
    """(3, 3) K [px] of a pinhole camera with square pixels and the principal point in the middle; fovy [degrees] spans the height."""
    focal = height / 2 / np.tan(np.radians(fovy) / 2)
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])


BLENDER_AXES = np.diag([1.0, -1.0, -1.0, 1.0])
"""Blender's cameras look along -Z with +Y up, OpenCV's along +Z with +Y down."""


def normalized_from_blender(matrix_world: np.ndarray, center: np.ndarray, size: float) -> np.ndarray:
    """World-to-camera (4, 4) in normalized space of a Blender camera's matrix_world (its scale is ignored)."""
    axes = matrix_world[:3, :3] / np.linalg.norm(matrix_world[:3, :3], axis=0)
    camera_to_world = np.eye(4)
    camera_to_world[:3, :3] = axes @ BLENDER_AXES[:3, :3]
    camera_to_world[:3, 3] = (matrix_world[:3, 3] - center) / size
    return np.linalg.inv(camera_to_world)


def blender_from_normalized(world_to_camera: np.ndarray, center: np.ndarray, size: float) -> np.ndarray:
    """A Blender camera's matrix_world (4, 4) from world-to-camera in normalized space."""
    camera_to_world = np.linalg.inv(world_to_camera)
    matrix = np.eye(4)
    matrix[:3, :3] = camera_to_world[:3, :3] @ BLENDER_AXES[:3, :3]
    matrix[:3, 3] = camera_to_world[:3, 3] * size + center
    return matrix
