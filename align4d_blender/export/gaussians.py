"""Gaussians out of Blender: one .ply a frame, as they stand in the scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from ...engine.align4d.protocol.ply import write_ply
from ..errors import UserError, write_error
from ..gaussians import files as gaussian_files
from ..gaussians import sequence_object
from ..gaussians.files import Sequence as Files
from ..gaussians.spherical_harmonics import values
from ..result import gaussians
from . import motion


def source(item: bpy.types.Object | None) -> bpy.types.Object:
    """The object whose Gaussians are meant: a sequence, or a mesh whose result has some. Raises UserError."""
    if item is None or not (sequence_object.shown_by(item) or gaussians.are_there(item)):
        raise UserError("no_gaussians", "The active object has no Gaussians.", "Select a Gaussian sequence, or a mesh that was generated with them.")
    return item


def export(scene: bpy.types.Scene, item: bpy.types.Object, path: Path) -> int:
    """Writes NAME_0000.ply, NAME_0001.ply, ...: every file of the sequence, moved as the object is at the frame that shows it.

    Returns the number of files. Raises UserError.
    """
    files, first, speed = _playing(item)
    frames = [first + index / speed for index in range(files.count)]
    try:
        with motion.frames_of(scene, scene.frame_start, scene.frame_end):
            for index, frame in enumerate(frames):
                scene.frame_set(int(frame // 1), subframe=frame % 1)
                rows = gaussian_files.read(files.path(index))
                names = rows.dtype.names or ()
                placed = moved(rows, np.array(item.matrix_world, np.float64))
                write_ply(path.with_stem(f"{path.stem}_{index:04d}"), _columns(placed, names), names)
    except OSError as error:
        raise write_error(error) from error
    return len(frames)


def _playing(item: bpy.types.Object) -> tuple[Files, float, float]:
    """The .ply files behind an object of `source`, the scene frame of the first, and how many of them a scene frame. Raises UserError."""
    if sequence_object.shown_by(item):
        return sequence_object.sequence(item), item.align4d_gaussians.start, sequence_object.speed(item)
    return gaussians.playing(item)


def moved(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Gaussians after their object's matrix (4, 4), which may also scale unevenly or mirror: covariances exactly, view-dependent colors turned."""
    if np.allclose(matrix, np.eye(4), atol=1e-9):
        return rows
    result, linear = rows.copy(), matrix[:3, :3]
    _put(result, "xyz", _columns(rows, "xyz") @ linear.T + matrix[:3, 3])
    scales = [f"scale_{axis}" for axis in range(3)]
    half = linear @ rotations(_columns(rows, [f"rot_{i}" for i in range(4)])) * np.exp(_columns(rows, scales))[:, None]
    axes, lengths, _ = np.linalg.svd(half)
    axes[..., 2] *= np.sign(np.linalg.det(axes))[:, None]
    _put(result, scales, np.log(np.maximum(lengths, 1e-30)))
    _put(result, [f"rot_{i}" for i in range(4)], quaternions(axes))
    left, _, right = np.linalg.svd(linear)
    _turn_colors(result, left @ right)
    return result


def _turn_colors(rows: np.ndarray, turn: np.ndarray) -> None:
    """Turns the harmonics, in place: the color towards a direction is what it was towards the direction that has been turned into it.

    Rotations mix the harmonics of one degree only; how, follows from their values in enough directions.
    """
    names = [name for name in rows.dtype.names or () if name.startswith("f_rest_")]
    count = len(names) // 3
    if not count:
        return
    towards = np.random.default_rng(0).normal(size=(4 * count, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    mixing = np.linalg.pinv(values(towards, count)) @ values(towards @ turn, count)
    for channel in range(3):
        own = [f"f_rest_{channel * count + index}" for index in range(count)]
        _put(rows, own, _columns(rows, own) @ mixing.T)


def rotations(quaternion: np.ndarray) -> np.ndarray:
    """(N, 3, 3) of quaternions (N, 4) wxyz of any length."""
    w, x, y, z = (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).T
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, -1) for row in rows], -2)


def quaternions(rotation: np.ndarray) -> np.ndarray:
    """(N, 4) wxyz unit quaternions of rotation matrices (N, 3, 3): of the four ways to write it the best conditioned one."""
    m = rotation
    trace = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    skew = np.stack([m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], 1)
    outer = np.empty((len(m), 4, 4))  # four times the outer product of the quaternion with itself
    outer[:, 0, 0] = 1 + trace
    outer[:, 0, 1:] = outer[:, 1:, 0] = skew
    outer[:, 1:, 1:] = m + m.transpose(0, 2, 1) + (1 - trace)[:, None, None] * np.eye(3)
    best = np.argmax(np.diagonal(outer, axis1=1, axis2=2), axis=1)
    row = outer[np.arange(len(m)), best]
    return row / np.linalg.norm(row, axis=1, keepdims=True)


def _columns(rows: np.ndarray, names: Sequence[str]) -> np.ndarray:
    return np.stack([rows[name] for name in names], 1).astype(np.float64)


def _put(rows: np.ndarray, names: Sequence[str], array: np.ndarray) -> None:
    for name, column in zip(names, array.T, strict=True):
        rows[name] = column
