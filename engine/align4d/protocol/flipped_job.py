"""The folder of a finished job whose limbs go the other way: made at once, without the engine. Like `flip`, not imported by the package."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import UserError
from .files import inside, read_arrays, write_arrays, write_json
from .flip import Array, PartMotion, bone_ends, flip, move_points, rest_points
from .job import POSES, Request, Result, read_completed, read_result
from .pc2 import read_pc2, write_pc2
from .pins import CERTAINTY, FLIP_WITHOUT_GAUSSIANS, FLIPS, SOLVED, FlipSpec


@dataclasses.dataclass(frozen=True)
class FinishedMotion:
    """What a finished job has found, in world space.

    Attributes:
        result, request: of the job.
        parts: how the parts stand in each frame.
        weights: (B, K) how the baked points follow them.
        motions: (T, b, 3) of each object, in its own space.
    """

    result: Result
    request: Request
    parts: PartMotion
    weights: Array
    motions: tuple[Array, ...]

    def world(self, frame: int) -> Array:
        """(B, 3) float64 of all objects' points in a frame."""
        return np.concatenate([_moved(motion[frame], matrix) for motion, matrix in zip(self.motions, self._matrices(), strict=True)])

    def in_objects(self, points: Array) -> list[Array]:
        """World positions (B, 3) in each object's own space."""
        ends = np.cumsum([motion.shape[1] for motion in self.motions])[:-1]
        pieces = np.split(points, ends)
        return [_moved(piece, np.linalg.inv(matrix)) for piece, matrix in zip(pieces, self._matrices(), strict=True)]

    def _matrices(self) -> list[Array]:
        by_id = {spec.id: np.array(spec.matrix_world) for spec in self.request.objects}
        return [by_id[entry.id] for entry in self.result.objects]


def read_finished(base: Path) -> FinishedMotion:
    """What a job folder holds. Raises UserError "not_correctable" where it has no poses, or something of it cannot be read."""
    try:
        result, request = read_result(base), read_completed(base)
        arrays = read_arrays(base / POSES)
        motions = tuple(read_pc2(inside(base, entry.motion)) for entry in result.objects)
        weights = np.zeros((sum(motion.shape[1] for motion in motions), len(arrays["parent"])))
        weights[arrays["point"], arrays["part"]] = arrays["weight"]
        rotation = matrices(arrays["rotation"].astype(np.float64))
        parts = PartMotion(arrays["parent"], arrays["joint"].astype(np.float64), rotation, arrays["translation"].astype(np.float64))
        return FinishedMotion(result, request, parts, weights, motions)
    except Exception as error:  # a foreign file: whatever is wrong with it is said
        message = f"This motion has no poses that could be corrected ({error})."
        raise UserError("not_correctable", message, "Generate it again with the preset Artist or Draft, and correct that.") from error


def write_flipped(base: Path, folder: Path, job: str, flips: Sequence[FlipSpec]) -> Result:
    """Makes the folder of a job that is done: a finished motion with limbs gone the other way.

    Args:
        base: folder of the finished job.
        folder: of the new one.
        job: id of the new one.

    Raises:
        UserError: "not_correctable"; "bad_flip" for a part or frames that the motion does not have.
        OSError: where something cannot be written.
    """
    found = read_finished(base)
    for spec in flips:
        _check(spec, found)
    rest = rest_points(found.world(0), found.weights, found.parts)
    eye = np.array(found.result.camera.matrix_world)[:3, 3]
    parts = flip(found.parts, bone_ends(found.parts, rest, found.weights), eye, flips)
    if (base / "input").is_dir():
        shutil.copytree(base / "input", folder / "input", copy_function=link_or_copy, dirs_exist_ok=True)
    (folder / "output").mkdir(parents=True, exist_ok=True)
    _write_motions(found, parts, folder)
    _write_poses(base, folder, parts, flips)
    request = dataclasses.replace(found.request, job=job, pins=(), flips=(*found.request.flips, *flips), corrects=found.request.job)
    objects = tuple(dataclasses.replace(entry, gaussians="") for entry in found.result.objects)
    notes = (FLIP_WITHOUT_GAUSSIANS,) if any(entry.gaussians for entry in found.result.objects) else ()
    result = dataclasses.replace(found.result, job=job, objects=objects, notes=(*found.result.notes, *notes))
    for entry in objects:
        for name in filter(None, (entry.mesh, entry.image)):
            link_or_copy(str(inside(base, name)), str(folder / name))
    if (base / CERTAINTY).is_file():
        link_or_copy(str(base / CERTAINTY), str(folder / CERTAINTY))
    write_json(folder / "request.json", request)
    write_json(folder / "output" / "result.json", result)
    return result


def link_or_copy(old: str, new: str) -> None:
    """A second name for a file of a job, which is never written again; a copy where the disk knows no such names."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)


def _check(spec: FlipSpec, found: FinishedMotion) -> None:
    count, frames = len(found.parts.parent), found.result.frames
    if not 0 <= spec.part < count or found.parts.parent[spec.part] < 0:
        raise UserError("bad_flip", f"The motion has no limb {spec.part}.", "Choose a part that hangs on another one.")
    if not 0 <= spec.first <= spec.last < frames:
        message = f"Frames {spec.first + 1} to {spec.last + 1} are not frames of the motion, which has {frames}."
        raise UserError("bad_flip", message, "Choose a first and a last frame within it.")


def _write_motions(found: FinishedMotion, parts: PartMotion, folder: Path) -> None:
    motions = [motion.copy() for motion in found.motions]
    changed = (parts.rotation != found.parts.rotation).any((1, 2, 3))
    for frame in np.flatnonzero(changed).tolist():
        before = found.world(frame)
        after = move_points(before, found.weights, found.parts, parts, frame)
        stays, start = (before == after).all(1), 0
        for motion, own in zip(motions, found.in_objects(after), strict=True):
            kept = stays[start : start + len(own)]
            motion[frame] = np.where(kept[:, None], motion[frame], own)
            start += len(own)
    for entry, motion in zip(found.result.objects, motions, strict=True):
        write_pc2(folder / entry.motion, motion)


def _write_poses(base: Path, folder: Path, parts: PartMotion, flips: Sequence[FlipSpec]) -> None:
    """The poses, and what the engine goes on from."""
    turns = quaternions(parts.rotation).astype(np.float32)
    write_arrays(folder / POSES, {**read_arrays(base / POSES), "rotation": turns, "translation": parts.offset.astype(np.float32)})
    if not (base / SOLVED).is_file():
        return
    solved = read_arrays(base / SOLVED)
    center, size = solved["center"], float(solved["size"])
    offset = (parts.offset - center + parts.rotation @ center) / size
    earlier = solved.get(FLIPS, np.zeros((0, 3), np.int64))
    new = np.array([dataclasses.astuple(spec) for spec in flips], np.int64)
    changes = {"motion_quaternion": turns, "motion_offset": offset.astype(np.float32), FLIPS: np.concatenate([earlier, new])}
    write_arrays(folder / SOLVED, {**solved, **changes})


def _moved(points: Array, matrix: Array) -> Array:
    found: Array = points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return found


def matrices(quaternion: Array) -> Array:
    """(..., 3, 3) of quaternions (..., 4), wxyz."""
    w, x, y, z = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def quaternions(rotation: Array) -> Array:
    """(..., 4) wxyz of rotation matrices (..., 3, 3), whatever the angle (Bar-Itzhack 2000)."""
    m: Any = np.moveaxis(rotation, (-2, -1), (0, 1))
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    table = np.empty((4, 4, *rotation.shape[:-2]))
    table[0, 0] = trace
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        table[0, i + 1] = table[i + 1, 0] = m[k, j] - m[j, k]
        table[i + 1, i + 1] = 2 * m[i, i] - trace
        table[i + 1, j + 1] = table[j + 1, i + 1] = m[i, j] + m[j, i]
    found: Array = np.linalg.eigh(np.moveaxis(table, (0, 1), (-2, -1)))[1][..., -1]
    return found
