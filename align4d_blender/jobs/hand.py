"""Corrections of a result as jobs: solving around kept poses by the engine, limbs the other way at once."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...engine.align4d import protocol
from ..errors import UserError, write_error
from ..result import delivery, hand, keyframes
from ..result.playback import active, scene_of
from ..storage import folders
from . import follow_up
from .record import Job

PRESET = "hand"
"""Under which the times of the stages are learned."""


def solve_around_pins(item: bpy.types.Object) -> Job:
    """Starts a job that solves the active result of an object anew: around its kept poses, and where limbs go the other way.

    The result comes beside the old one.

    Where the motion is keyframes it is a point cache again. Raises UserError; nothing is changed then.
    """
    pins = hand.kept_poses(item)
    frames = ", ".join(str(frame + 1) for frame in sorted(pins))
    what = f"around {frames}" if pins else "other way, solved"

    def write(base: Path, folder: Path, identity: str) -> None:
        protocol.write_correction(base, folder, identity, pins)

    job = follow_up.start(item, active(item), what, PRESET, write)
    keyframes.unmake(item)
    return job


def other_way(item: bpy.types.Object, part: int, first: int, last: int) -> None:
    """Lets a limb of an object's active result bend the other way; the result comes beside the old one, in one undo step.

    Args:
        part: of `hand.limbs`.
        first, last: frames of the motion, both included, counted from 0.

    Raises: UserError; nothing is changed then.
    """
    if not hand.can_be_corrected(item):
        raise UserError("not_correctable", "This motion has no limbs that are known.", "Generate it again with the preset Artist or Draft.")
    result = active(item)
    targets, base, start = hand.targets(item, result), keyframes.job_folder(result), result.start
    identity, folder = folders.new_job()
    try:
        protocol.write_flipped(base, folder, identity, [protocol.FlipSpec(part, first, last)])
        arrival = delivery.prepare(folder, targets)
        while not delivery.improve(arrival, 1.0):
            pass
        delivery.finish(arrival)
        keyframes.unmake(item)
        delivery.apply(arrival, None, scene_of(item), start, "Other Way")
    except BaseException as error:
        folders.delete_new(folder)
        if isinstance(error, OSError):
            raise write_error(error) from error
        raise
