"""How a finished job comes into the scene: its files are checked in a thread, its motion goes below the artist's modifiers a slice
at a time, keyframes are solved for in slices too, and it is applied in one undo step, at a moment that disturbs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..capture import modes
from . import listeners, session
from .record import Job

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from ..result.delivery import Arrival
    from ..result.solving import Solving

_SLICE = 0.03
"""Seconds of the main thread that a step may take."""


@dataclass
class _Progress:
    """What the thread is doing with a result: it reads and checks the files, later it writes what the main thread has undone.

    Attributes:
        solving: the poses of its keyframes; None before, and where it comes as a point cache.
        later: whether it comes as a point cache, and its keyframes afterwards.
    """

    reading: Future[Arrival]
    writing: Future[None] | None = None
    solving: Solving | None = None
    later: bool = False


_arriving: dict[str, _Progress] = {}
"""By the job's id."""

_executor: ThreadPoolExecutor | None = None


def begin(job: Job) -> None:
    """The engine is done: the files are checked in a thread."""
    from ..result import delivery  # brings numpy in: Blender starts sooner without it

    job.state, job.stage = "arriving", "Reading the motion"
    _arriving[job.id] = _Progress(_worker().submit(delivery.prepare, job.folder, job.targets))


def step(job: Job, in_window: bool) -> bool:
    """Moves an arriving job on. Returns whether its result is in the scene now. Raises UserError.

    In a window keyframes that take long are left to who listens for them (`listeners.on_keys`).
    """
    from ..result import delivery

    progress = _arriving.get(job.id)
    if progress is None or not progress.reading.done():
        return False
    arrival = progress.reading.result()
    if reason := _not_now():
        job.state, job.stage = "waiting", reason
        return False
    if job.opened != session.opened() and job.blend and job.blend != bpy.data.filepath:
        job.state, job.stage = "waiting", f"Ready: open {Path(job.blend).name} again to receive the motion"
        return False
    if progress.writing is None:
        if delivery.improve(arrival, _SLICE):
            progress.writing = _worker().submit(delivery.finish, arrival)
            progress.later = in_window and job.form == "KEYFRAMES" and delivery.takes_long(arrival)
            progress.solving = delivery.begin_keys(arrival) if job.form == "KEYFRAMES" and not progress.later else None
        return False
    if not progress.writing.done() or (progress.solving and not progress.solving.step(_SLICE)):
        return False
    progress.writing.result()
    scene = bpy.data.scenes.get(job.scene) or bpy.context.scene
    delivery.apply(arrival, progress.solving, scene, job.start, "" if progress.later else delivery.STEP)
    job.notes = list(dict.fromkeys((*job.notes, *delivery.notes(arrival))))
    for listener in listeners.on_keys if progress.later else ():
        listener(job)
    return True


def forget(job: Job) -> None:
    """The job has ended, however: what was read of its result is no longer needed."""
    _arriving.pop(job.id, None)


def shut_down() -> None:
    """Ends the thread."""
    global _executor
    if _executor:
        _executor.shutdown(wait=True)
        _executor = None
    _arriving.clear()


def _not_now() -> str:
    """Why the scene must be left alone at this moment; empty when nothing speaks against a change."""
    active = bpy.context.view_layer.objects.active
    if active and active.mode not in modes.QUIET:
        return "Ready: go back to Object Mode to receive the motion"
    if bpy.app.is_job_running("RENDER"):
        return "Ready: the motion comes when the rendering is done"
    if any("BLOCKING" in operator.bl_options for window in bpy.context.window_manager.windows for operator in window.modal_operators):
        return "Ready: the motion comes when you let go"
    return ""


def _worker() -> ThreadPoolExecutor:
    """The thread that checks arriving files; started on first use."""
    from concurrent.futures import ThreadPoolExecutor

    global _executor
    if _executor is None:
        _executor = ThreadPoolExecutor(1, "align4d")
    return _executor
