"""The running job: what the panel shows of it, and the pump that moves it on in small steps of the main thread.

A job keeps no reference to anything of Blender's: its objects are looked up when the result arrives, so it survives saving,
undo and renaming. With a window the pump is a timer; without one `wait` turns the same crank.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from ..engine.align4d.protocol import ProtocolError
from . import preferences, reference, resume, storage, timeline
from .capture import Target, capture
from .engine_client import EngineClient
from .errors import UserError

_TICK = 0.2
"""Seconds between two looks at the engine; each may redraw the sidebars."""

_SLICE = 0.03
"""Seconds of the main thread that a tick may take."""

_FORESEEABLE = 0.25
"""Part of a stage after which the time left is believed; the first steps compile code, and foretell many times too much."""

_STAGES = {
    "reading": "Reading the video",
    "sampling": "Sampling the mesh",
    "camera": "Finding the camera",
    "tracking": "Following the motion",
    "refining": "Refining the motion",
    "distance": "Asking the prior for a distance",
    "optimising": "Optimising the motion",
    "baking": "Writing the motion",
}
"""The engine's stages in an artist's words; a stage that is not here is shown by its own name."""


@dataclass
class Job:
    """One press of Generate.

    Attributes:
        scene, start: where the motion goes: the scene's name, and the frame of the video's first frame.
        blend: the .blend that was open; empty when it had not been saved.
        state: "running", "arriving" (files are checked), "waiting" (for the artist, `stage` says for what), then "done", "failed" or "cancelled".
        stage, fraction, eta: for the progress bar; eta of the stage in seconds, negative when unknown.
        stages: index and count of the engine's stages.
        notes: what the artist should know, as sentences.
        error: why it failed.
        arrival, writing: what the worker thread is doing with the result.
    """

    id: str
    folder: Path
    targets: tuple[Target, ...]
    scene: str
    start: int
    blend: str = ""
    state: str = "running"
    stage: str = "Starting the engine"
    fraction: float = 0.0
    eta: float = -1.0
    stages: tuple[int, int] = (0, 1)
    notes: list[str] = field(default_factory=list)
    error: UserError | None = None
    arrival: Future[timeline.Arrival] | None = None
    writing: Future[None] | None = None

    @property
    def ended(self) -> bool:
        return self.state in {"done", "failed", "cancelled"}


history: list[Job] = []
"""Jobs of this session, the latest last; only the last one can be running."""

on_change: list[Callable[[Job], None]] = []
"""Called on the main thread whenever a job has moved on (a script's own progress bar, for one)."""

_client: EngineClient | None = None
_client_python: Path | None = None
_executor: ThreadPoolExecutor | None = None
_timers: list[Callable[[], float | None]] = []


def current() -> Job | None:
    """The running job, or the last one that ended."""
    return history[-1] if history else None


def start(context: bpy.types.Context) -> Job:
    """Captures the scene and hands it to the engine. Raises UserError, and leaves nothing behind then."""
    last = current()
    if last and not last.ended:
        raise UserError("busy", "A job is running already.", "Wait for it, or press Cancel.")
    chosen = preferences.get()
    python = preferences.engine_python(chosen)
    identity, folder = storage.new_job()
    try:
        captured = capture(context, identity, folder, chosen.device)
        _succeed(last, folder)
        _engine(python).generate(folder)
    except BaseException:
        storage.delete(folder)
        raise
    note = reference.shift_note(context)
    notes = [note] if note else []
    job = Job(identity, folder, captured.targets, context.scene.name, context.scene.frame_start, bpy.data.filepath, notes=notes)
    history.append(job)
    return job


def _succeed(last: Job | None, folder: Path) -> None:
    """Lets the job of `folder` go on where the last one broke off, and clears up after that one."""
    if last and last.error and last.error.code in resume.RESUMABLE and last.folder.is_dir():
        try:
            resume.take_over(last.folder, folder)
        except (OSError, ProtocolError) as error:
            print(f"Align4D: starting from the beginning, because the checkpoint of {last.folder} cannot be used: {error}")
        _clear(last, "input", "work", "output")


def cancel() -> None:
    """Stops the running job; the engine answers, or is killed."""
    job = current()
    if job is None or job.ended:
        return
    if job.state == "running" and _client:
        job.stage = "Stopping"
        _client.cancel(job.id)
    else:
        _end(job, "cancelled")


def wait(job: Job) -> None:
    """Turns the crank until the job has ended; Ctrl+C cancels it."""
    while not job.ended:
        try:
            step(job)
            time.sleep(0.02)
        except KeyboardInterrupt:
            cancel()


def watch(ended: Callable[[Job], None]) -> None:
    """Lets the latest job move on by a timer, and calls `ended` on the main thread when it has."""
    job = history[-1]

    def tick() -> float | None:
        if not job.ended and step(job):
            _redraw()
        if job.ended:
            ended(job)
            return None
        return _TICK

    _timers.append(tick)
    bpy.app.timers.register(tick, first_interval=_TICK, persistent=True)


def step(job: Job) -> bool:
    """Moves a job on by what has happened since; takes a few milliseconds. Returns whether there is something new to show."""
    before = _shown(job)
    try:
        if job.state == "running" and _client:
            for event in _client.poll():
                if event.get("job") in {None, "", job.id} and job.state == "running":
                    _take(job, event)
        if job.state in {"arriving", "waiting"} and job.arrival and job.arrival.done():
            _receive(job, job.arrival.result())
    except UserError as error:
        _end(job, "failed", error)
    changed = _shown(job) != before
    if changed:
        for listener in on_change:
            listener(job)
    return changed


def _shown(job: Job) -> tuple[object, ...]:
    """What a progress bar shows of a job."""
    return job.state, job.stage, job.fraction, job.eta


def shut_down() -> None:
    """Ends everything: timers, threads, the engine. Jobs that run are cancelled; their folders keep the checkpoint."""
    global _client, _executor
    for tick in _timers:
        if bpy.app.timers.is_registered(tick):
            bpy.app.timers.unregister(tick)
    _timers.clear()
    if _client:
        _client.close()
        _client = None
    if _executor:
        _executor.shutdown(wait=True)
        _executor = None
    for job in history:
        if job.error:
            _clear(job, "input", "work", "output")
    history.clear()


def _engine(python: Path) -> EngineClient:
    """The engine process of this interpreter; started on first use, kept for the next job. Raises UserError."""
    global _client, _client_python
    if _client and (not _client.alive or _client_python != python):
        _client.close()
        _client = None
    if _client is None:
        command = [str(python), "-m", "align4d.server"]
        try:
            _client = EngineClient(command, preferences.ENGINE_FOLDER, storage.user_folder("cache"))
        except OSError as error:
            advice = "Set Engine Python in Edit > Preferences > Add-ons > Align4D."
            raise UserError("engine_missing", f"{python} could not be started ({error.strerror or error}).", advice) from error
        _client_python = python
    return _client


def _take(job: Job, event: dict[str, Any]) -> None:
    """One event of the engine."""
    kind = event.get("event")
    if kind == "stage":
        name = str(event["name"])
        job.stage, job.eta = _STAGES.get(name, name.capitalize()), -1.0
        job.stages = event["index"], max(event["count"], 1)
        job.fraction = job.stages[0] / job.stages[1]
    elif kind == "progress":
        done = min(event["done"] / max(event["total"], 1), 1.0)
        job.fraction = (job.stages[0] + done) / job.stages[1]
        job.eta = float(event["eta"]) if done >= _FORESEEABLE else -1.0
    elif kind == "warning":
        job.notes.append(str(event["message"]))
    elif kind == "failed":
        raise UserError(str(event["code"]), str(event["message"]), str(event["advice"]))
    elif kind == "cancelled":
        _end(job, "cancelled")
    elif kind == "finished":
        job.state, job.stage = "arriving", "Reading the motion"
        job.arrival = _worker().submit(timeline.prepare, job.folder, job.targets)


def _receive(job: Job, arrival: timeline.Arrival) -> None:
    """From the engine's files to the scene: the motion goes below the artist's modifiers, a slice at a time; its files are written; it is applied.

    Waits while the artist has another file open, or is in an edit mode, whose undo steps hold no modifiers.
    """
    active = bpy.context.view_layer.objects.active
    if active and active.mode not in {"OBJECT", "POSE"}:
        job.state, job.stage = "waiting", "Ready: leave the edit mode (Tab) to receive the motion"
        return
    try:
        if job.writing is None:
            if timeline.improve(arrival, _SLICE):
                job.writing = _worker().submit(timeline.finish, arrival)
        elif job.writing.done():
            job.writing.result()
            timeline.apply(arrival, bpy.data.scenes.get(job.scene) or bpy.context.scene, job.start)
            job.notes = list(dict.fromkeys((*job.notes, *timeline.notes(arrival))))
            _end(job, "done")
    except UserError as error:
        if error.code != "object_gone" or job.blend in {"", bpy.data.filepath}:
            raise
        job.state, job.stage = "waiting", f"Ready: open {Path(job.blend).name} again to receive the motion"


def _end(job: Job, state: str, error: UserError | None = None) -> None:
    """The last change of a job. What is of no more use is deleted: all of a cancelled job, all but the log of a failed one that cannot go on."""
    job.state, job.error = state, error
    if state == "done":
        _clear(job, "input", "work")
    elif state == "cancelled":
        storage.delete(job.folder)
    elif error and error.code not in resume.RESUMABLE:
        _clear(job, "input", "work", "output")


def _clear(job: Job, *names: str) -> None:
    """Deletes parts of a job's folder; and the folder, when neither a result nor a log is left."""
    for name in names:
        storage.delete(job.folder / name)
    if not any((job.folder / name).exists() for name in ("output", "log.txt")):
        storage.delete(job.folder)


def _worker() -> ThreadPoolExecutor:
    """The thread that checks arriving files; started on first use."""
    global _executor
    if _executor is None:
        _executor = ThreadPoolExecutor(1, "align4d")
    return _executor


def _redraw() -> None:
    """Lets the sidebars show the progress; the 3D view beside them is left alone, because drawing a heavy scene takes long."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if area.type == "VIEW_3D" and region.type == "UI":
                    region.tag_redraw()
