"""Jobs that begin with a result that is there: their results come beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy

from ..errors import write_error
from ..result import hand, keyframes
from ..result.playback import PlayedResult, scene_of
from ..storage import folders
from . import queue, session
from .new_job import label_of
from .record import Job


def start(item: bpy.types.Object, result: PlayedResult, what: str, preset: str, write: Callable[[Path, Path, str], None]) -> Job:
    """Starts a job for the objects that a result of `item` moves.

    Args:
        what: is done, for the job's label.
        preset: under which the times of the stages are learned.
        write: fills the new job's folder, given that of the result's job, the new folder and its identity.

    Raises UserError, or what `write` raises; nothing is left behind then.
    """
    targets, base = hand.targets(item, result), keyframes.job_folder(result)
    identity, folder = folders.new_job()
    label = label_of([target.name for target in targets], what)
    job = Job(identity, folder, targets, scene_of(item).name, result.start, bpy.data.filepath, label, preset, opened=session.opened())
    try:
        write(base, folder, identity)
        queue.submit(job)
    except BaseException as error:
        job.release()
        folders.delete_new(folder)
        if isinstance(error, OSError):
            raise write_error(error) from error
        raise
    return job
