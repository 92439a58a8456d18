"""The jobs and the pump that moves them on in small steps of the main thread: one runs, the others wait for their turn.

A job keeps no reference to anything of Blender's: its objects are looked up when the result arrives, so it survives saving,
undo and renaming; its record lies in its folder, so it survives Blender. With a window the pump is a timer; without one `wait`
turns the same crank.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any

import bpy

from ...engine.align4d import protocol
from ..capture import targets
from ..capture.slices import whole
from ..errors import UserError, report_exception, write_error
from ..runtime import preferences, running
from ..runtime.redraw import redraw
from ..storage import folders
from ..storage.folders import RECORD
from . import arrival, previews, progress, session, submitted, takeover
from .listeners import on_change, on_end
from .new_job import new_job
from .record import Job

_TICK = 0.2
"""Seconds between two looks at the engine; each may redraw the sidebars."""

listed: list[Job] = []
"""Every job that the artist can see, in the order in which they are or were done."""


def current() -> Job | None:
    """The job that is at work, or the last one."""
    return next((job for job in listed if job.moves_on), listed[-1] if listed else None)


def find(identity: str) -> Job | None:
    """A job of the list."""
    return next((job for job in listed if job.id == identity), None)


def waiting_before(job: Job) -> int:
    """How many jobs are done before this one has its turn."""
    return sum(other.state in {"queued", "running"} for other in listed[: listed.index(job)])


def start(context: bpy.types.Context) -> Job:
    """Captures the scene as a new job at the end of the queue. Raises UserError, and leaves nothing behind then."""
    return whole(starting(context))


def starting(context: bpy.types.Context) -> Generator[str, None, Job]:
    """The same in slices, each of which yields what is being read. Broken off, it leaves nothing behind either."""
    _need_engine()
    job = yield from new_job(context, Job.enqueue)
    _take_over(job)  # once nothing can go wrong any more: what was reached must not go with a job that could not be made
    targets.tag(job.targets)
    listed.append(job)
    _begin_next()
    return job


def submit(job: Job) -> None:
    """Puts a job whose folder is complete at the end of the queue. Raises UserError where there is no engine, OSError."""
    _need_engine()
    job.own()
    job.enqueue()
    listed.append(job)
    _begin_next()


def _take_over(job: Job) -> None:
    """Lets a new job go on where an equal one broke off, and takes that one's place."""
    for old in [one for one in listed if one.resumable and one.state != "done" and not one.complete]:
        try:
            if not takeover.take_over(old, job):
                continue
        except (OSError, protocol.ProtocolError) as error:
            print(f"Align4D: what {old.folder} has reached cannot be taken over: {error}")
            continue
        job.went_on = True
        remove(old)
        return


def resume_job(job: Job) -> None:
    """Lets a job that broke off, or was cancelled, go on where it was, at the end of the queue. Raises UserError."""
    if not job.resumable or not _own(job):
        raise UserError("not_resumable", "This job cannot go on.", "Press Generate for a new one.")
    if not job.complete:
        if not (job.folder / "request.json").is_file():
            raise UserError("job_gone", f"The files of this job are no longer in {job.folder}.", "Press Generate for a new one.")
        _need_engine()
    before = job.state, job.stage, job.error
    job.error, job.went_on, job.opened = None, True, session.opened()
    if job.complete:
        arrival.begin(job)
    else:
        try:
            job.enqueue()
        except OSError as error:
            job.state, job.stage, job.error = before
            raise write_error(error) from error
    listed.remove(job)
    listed.append(job)
    _begin_next()


def _own(job: Job) -> bool:
    """Whether this Blender has the job, or could take it. Raises UserError."""
    try:
        return job.own()
    except FileNotFoundError as error:
        raise UserError("job_gone", f"The files of this job are no longer in {job.folder}.", "Press Generate for a new one.") from error
    except OSError as error:
        raise write_error(error) from error


def _need_engine() -> None:
    """The engine is started early, where it has nothing to do: it gets ready while the job is made. Raises UserError where there is none."""
    if _running() is None:
        running.ready()
    else:
        preferences.engine_python(preferences.get())


def cancel(job: Job) -> None:
    """Stops a job; what it has reached stays for `resume_job`. The engine answers, or is killed."""
    if job.state == "running" and running.client:
        job.stage = "Stopping"
        running.client.cancel(job.id)
    elif job.state == "submitted" and submitted.has_begun(job):
        job.stage = "Stopping"
        _let_stop(job)
    elif not job.ended:
        if job.state == "submitted":
            _let_stop(job)
        _end(job, "cancelled")


def _let_stop(job: Job) -> None:
    """Raises UserError where the file that stops a job of a batch cannot be written."""
    try:
        submitted.cancel(job)
    except OSError as error:
        raise write_error(error) from error


def remove(job: Job) -> None:
    """Takes an ended job off the list, and deletes its files, except for a result that came into a scene."""
    if not job.ended:
        return
    listed.remove(job)
    progress.forget(job)
    job.release()
    if job.state == "done":
        (job.folder / RECORD).unlink(missing_ok=True)
    else:
        folders.delete(job.folder)


def add_found(found: Iterable[Job]) -> None:
    """Puts jobs of an earlier session on the list; the complete ones come into the scene by themselves."""
    for job in found:
        listed.append(job)
        if job.state == "waiting":
            _attempt(job, partial(arrival.begin, job))


def wait(job: Job) -> None:
    """Turns the crank until the job has ended; Ctrl+C cancels it."""
    while not job.ended:
        try:
            step()
            time.sleep(0.02)
        except KeyboardInterrupt:
            cancel(job)


def watch() -> None:
    """Lets the jobs move on by a timer, as long as there is one to move."""
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK, persistent=True)


def _tick() -> float | None:
    try:
        if step(in_window=True):
            redraw()
    except Exception:  # Blender would drop the timer, and every job would stand still
        report_exception()
    return _TICK if any(job.moves_on for job in listed) else None


def step(in_window: bool = False) -> bool:
    """Moves the jobs on by what has happened since; takes a few milliseconds. Returns whether there is something new to show.

    A motion arrives as a whole; in a window what takes long of that comes afterwards, in slices, see `arrival.step`.
    """
    active = [job for job in listed if job.moves_on]
    before = [_shown(job) for job in active]
    at_work = _running()
    if at_work and running.client is None:
        _interrupt(at_work)
    elif at_work and running.client:
        for event in running.client.poll():
            if event.get("job") in {None, "", at_work.id} and at_work.state == "running":
                _attempt(at_work, partial(_take, at_work, event))
    for job in active:
        if job.state in {"arriving", "waiting"}:
            _attempt(job, partial(_receive, job, in_window))
        elif job.state == "submitted":
            _attempt(job, partial(_follow, job))
    _begin_next()
    changed = [job for job, old in zip(active, before, strict=True) if _shown(job) != old]
    for job in changed:
        for listener in (*on_change, *(on_end if job.ended else ())):
            try:
                listener(job)
            except Exception:  # a script's own
                report_exception()
    return bool(changed)


def _attempt(job: Job, action: Callable[[], None]) -> None:
    """Does something for a job; where that is not possible this job has failed, and no other."""
    try:
        action()
    except UserError as error:
        _end(job, "failed", error)
    except Exception as error:
        job.log_error()
        if job.state == "running" and running.client:
            running.client.cancel(job.id)  # the engine still works on it
        what = f"Align4D in Blender hit an error of its own ({type(error).__name__})."
        _end(job, "failed", UserError("internal", what, "Press Resume; if it comes back, report it with the job's log.", "open_log"))


def _follow(job: Job) -> None:
    """Takes in what a job of a batch has told; where nobody makes the batch any more, it broke off. Raises UserError for a failure."""
    at_work = submitted.at_work(job)
    for event in submitted.events(job):
        if event.get("event") == "accepted":
            progress.begin(job)
        elif job.state == "submitted":
            _take(job, event)
    if job.state == "submitted" and not at_work:
        _interrupt(job)


def _receive(job: Job, in_window: bool) -> None:
    if arrival.step(job, in_window):
        _end(job, "done")


def _running() -> Job | None:
    """The job that the engine works on."""
    return next((job for job in listed if job.state == "running"), None)


def _begin_next() -> None:
    """Gives the engine the next job of the queue, if it has none."""
    waiting = next((job for job in listed if job.state == "queued"), None)
    if waiting is None or _running() is not None:
        return

    def begin() -> None:
        client = running.ready()
        waiting.state, waiting.stage = "running", "Starting the engine"
        progress.begin(waiting)
        record(waiting)
        client.generate(waiting.folder)

    _attempt(waiting, begin)


def _shown(job: Job) -> tuple[object, ...]:
    """What the list shows of a job."""
    return job.state, job.stage, job.fraction, job.eta, job.pictures, len(job.notes)


def release_engine() -> None:
    """Ends the engine's process and frees its memory; the next job starts it again. A running job is interrupted."""
    running.close()
    at_work = _running()
    if at_work:
        _interrupt(at_work)


def _interrupt(job: Job) -> None:
    """The engine was ended while it was at work; its checkpoint stays."""
    job.state, job.stage = "interrupted", ""
    record(job)


def shut_down() -> None:
    """Ends everything: timers, threads, the engine. Jobs that run are interrupted; their folders keep the checkpoint and the record."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    release_engine()
    arrival.shut_down()
    for job in listed:
        job.release()
    listed.clear()
    progress.clear()


def _take(job: Job, event: dict[str, Any]) -> None:
    """One event of the engine. Raises UserError for a failure."""
    kind = event.get("event")
    if kind == "failed":
        raise UserError.from_dict(event)
    if kind == "cancelled":
        _end(job, "cancelled")
        return
    progress.take(job, event)
    if kind == "finished":
        arrival.begin(job)
        record(job)


def _end(job: Job, state: str, error: UserError | None = None) -> None:
    """The last change of a job. Of a finished one its inputs stay for corrections, of any other everything until the artist removes it."""
    job.state, job.error, job.eta = state, error, -1.0
    previews.forget(job.id)
    arrival.forget(job)
    submitted.forget(job)
    if state == "done":
        for name in ("work",) if protocol.can_be_corrected(job.folder) else ("input", "work"):
            folders.delete(job.folder / name)
        progress.learn(job)
        job.release()  # its folder is the scene's now, and may be deleted with the result
    record(job)


def record(job: Job) -> None:
    """Writes the job's record; a disk that does not take it costs no more than what a restart of Blender would show."""
    try:
        job.write()
    except OSError as problem:
        print(f"Align4D: the record of {job.folder} could not be written: {problem}")
