"""Jobs of a batch that was submitted: what their folders tell of them, whoever makes them, and wherever."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.align4d import protocol
from ..storage.remembered import remembered
from .record import Job

if TYPE_CHECKING:
    import subprocess

_MOST = 1 << 20
"""Bytes of events that are read at once."""

_processes: dict[str, subprocess.Popen[str]] = {}
"""Those that make the batches which this Blender has submitted, by the folders of the batches."""

_read: dict[str, int] = {}
"""How many bytes of a job's events are known, by the job's id."""


def follow(folder: Path, process: subprocess.Popen[str]) -> None:
    """Remembers who makes a batch."""
    _processes[str(folder)] = process


def at_work(job: Job) -> bool:
    """Whether somebody still makes the job's batch; one that an earlier Blender has submitted goes on without it."""
    process = _processes.get(job.batch)
    return _is_locked(Path(job.batch)) if process is None else process.poll() is None


def events(job: Job) -> list[dict[str, Any]]:
    """What the job has told since the last time."""
    start = _read.get(job.id, 0)
    try:
        with open(job.folder / protocol.EVENT_FILE, "rb") as file:
            file.seek(start)
            told = file.read(_MOST)
    except OSError:  # it has not begun
        return []
    whole = told[: told.rfind(b"\n") + 1]
    _read[job.id] = start + len(whole)
    found = []
    for line in whole.splitlines():
        try:
            found.append(protocol.decode(line))
        except protocol.ProtocolError as error:
            print(f"Align4D: {job.folder} tells what is no event: {error}")
    return found


def has_begun(job: Job) -> bool:
    """Whether the batch has come to the job."""
    return (job.folder / protocol.EVENT_FILE).exists()


def cancel(job: Job) -> None:
    """Lets the batch stop the job, or leave it out. Raises OSError."""
    (job.folder / protocol.CANCEL_FILE).touch()


def forget(job: Job) -> None:
    """The job has ended, or is to be made anew."""
    _read.pop(job.id, None)


def clear_files(job: Job) -> None:
    """Takes away what an earlier batch has told of the job. Raises OSError."""
    for name in (protocol.EVENT_FILE, protocol.CANCEL_FILE):
        (job.folder / name).unlink(missing_ok=True)
    forget(job)


@remembered
def _is_locked(batch: Path) -> bool:
    """Whether a process holds a batch."""
    try:
        lock = protocol.hold(batch / protocol.BATCH_LOCK)
    except OSError:  # its folder is gone
        return False
    if lock is None:
        return True
    lock.close()
    return False
