"""What is done to a point cache: smoother, in a loop, in place. It is a file of its own beside the motion, which stays as it was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from ...engine.align4d import protocol
from ..capture.slices import Slices, aside
from ..errors import UserError, write_error
from ..storage import paths
from . import key_cleanup
from .key_cleanup import Cleanup
from .motion_file import as_shown
from .playback import PlayedResult, active, playback, scene_of, together


def applied(item: bpy.types.Object, cleanup: Cleanup) -> Slices[None]:
    """Writes the cleaned motion of an object, and of all that moves with its active result, and notes whether that is to be played: the found
    one is where nothing is asked for. Raises UserError; what is played stays as it was then.
    """
    result = active(item)
    shown = together(item, result)
    wanted = cleanup.loop or cleanup.in_place or cleanup.smooth > 0
    files = [paths.motion_file(other, entry) for other, entry in shown]
    worlds = [np.array(other.matrix_world)[:3, :3] for other, _ in shown]
    played = _played_frames(item, result)
    try:
        if wanted:
            yield from aside(lambda: _write(files, worlds, cleanup, played))
    except (OSError, protocol.ProtocolError) as error:
        raise write_error(error) if isinstance(error, OSError) else UserError("bad_result", str(error), "Generate the motion again.") from error
    for _, entry in shown:
        entry.cleaned = wanted


def _played_frames(item: bpy.types.Object, result: PlayedResult) -> slice:
    times = playback(result, scene_of(item))
    return slice(times.first, times.last + 1)


def _write(files: Sequence[Path], worlds: Sequence[np.ndarray], cleanup: Cleanup, played: slice) -> None:
    """Needs no Blender: runs in a thread."""
    ways = _ways(files, worlds) if cleanup.in_place else [np.zeros(3)] * len(files)
    for file, way in zip(files, ways, strict=True):
        motion = protocol.read_pc2(file)
        motion[played] = cleaned((motion - way)[played], cleanup)
        protocol.write_pc2(paths.cleaned_file(file), motion)


def cleaned(motion: np.ndarray, cleanup: Cleanup) -> np.ndarray:
    """(T, V, 3), smoothed and as a loop. What is done to one curve is a matrix, and the same for all."""
    blend = np.eye(len(motion))
    if cleanup.loop:
        blend = key_cleanup.looped(blend)
    blend = key_cleanup.smoothed(blend, cleanup.smooth).astype(np.float32)
    result: np.ndarray = (blend @ motion.reshape(len(motion), -1)).reshape(motion.shape)
    return result


def _ways(files: Sequence[Path], worlds: Sequence[np.ndarray]) -> list[np.ndarray]:
    """(T, 1, 3) in each object's space: the way over the ground of all objects together."""
    motions = [protocol.read_pc2(as_shown(file)) for file in files]
    middles = np.stack([motion.mean(1) @ world.T for motion, world in zip(motions, worlds, strict=True)])
    middle = np.average(middles, axis=0, weights=[motion.shape[1] for motion in motions])
    way = (middle - middle[0]) * np.array([1.0, 1.0, 0.0])
    return [(way @ np.linalg.inv(world).T)[:, None].astype(np.float32) for world in worlds]
