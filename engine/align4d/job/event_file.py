"""How a job of a batch tells what it does: its events in a file of its folder, for whoever looks; a second file cancels it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import Cancelled, EngineError, as_engine_error
from ..protocol import CANCEL_FILE, EVENT_FILE, encode
from .reporting import Event, EventReporter

_PAUSE = 1.0
"""Least seconds between two progress events, and between two looks for the file that cancels."""


class FileReporter(EventReporter):
    """Appends its events to the file; cancelled once the other file is there.

    Args:
        job: id that every event carries.
        folder: of the job.
    """

    def __init__(self, job: str, folder: Path) -> None:
        super().__init__(job, self._append, threading.Event(), _PAUSE)
        self._folder = folder
        self._looked = 0.0

    def check_cancelled(self) -> None:
        """See `Reporter`."""
        now = time.monotonic()
        if now - self._looked >= _PAUSE:
            self._looked = now
            if (self._folder / CANCEL_FILE).exists():
                self.cancelled.set()
        super().check_cancelled()

    def _append(self, event: Event) -> None:
        append(self._folder, event)


def append(folder: Path, event: Event) -> None:
    """Adds an event to a job's file; a disk that does not take it costs the event, never the job."""
    with contextlib.suppress(OSError), open(folder / EVENT_FILE, "a", encoding="utf-8") as file:
        file.write(encode(event))


@contextlib.contextmanager
def telling(job: str, folder: Path) -> Iterator[FileReporter]:
    """Around a job: its reporter, and in the file how the job began and how it ended.

    Raises:
        EngineError: "cancelled" in the place of Cancelled, since other jobs of the batch go on.
    """
    reporter = FileReporter(job, folder)
    append(folder, {"event": "accepted", "job": job})
    try:
        reporter.check_cancelled()
        yield reporter
    except Cancelled as stop:
        append(folder, {"event": "cancelled", "job": job})
        raise EngineError("cancelled", "The job was cancelled.", "Resume lets it go on where it was.") from stop
    except Exception as error:
        tell_failure(job, folder, as_engine_error(error))
        raise
    append(folder, {"event": "finished", "job": job, "result": "output/result.json"})


def tell_failure(job: str, folder: Path, failure: EngineError) -> None:
    """Says in the file what ended a job."""
    append(folder, {"event": "failed", "job": job, **failure.as_dict()})
