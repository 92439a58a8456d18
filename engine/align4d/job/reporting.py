"""How a job tells what it is doing: to Blender (events), to a terminal (a bar), to a test (a list)."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import platform
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..errors import Cancelled, writing
from ..machine.memory import peak_gb
from ..protocol import printable, refuse_links
from ..protocol.version import ENGINE

Event = dict[str, Any]
SHORTEST_PAUSE = 0.1
"""Seconds between two progress events: more often nobody can read."""

log = logging.getLogger(__name__)


class Reporter(Protocol):
    """What the pipeline calls; every iteration calls `progress` and `check_cancelled`."""

    def stage(self, name: str, index: int, count: int) -> None:
        """A stage begins: the `index`-th (0-based) of `count`."""

    def progress(self, done: int, total: int, loss: float | None = None) -> None:
        """`done` of `total` steps of the stage are done."""

    def preview(self, image: str) -> None:
        """A picture to look at, as a path relative to the job folder."""

    def warn(self, code: str, message: str) -> None:
        """Something that the user should know; the job goes on."""

    def check_cancelled(self) -> None:
        """Raises Cancelled once the user has asked for it."""


def tell_once(report: Reporter, code: str) -> Callable[[str], None]:
    """Says each sentence as a warning, a single time."""
    return functools.cache(lambda sentence: report.warn(code, sentence))


class EventReporter:
    """Turns calls into events of protocol.EVENTS.

    Args:
        job: id that every event carries.
        send: takes one event.
        cancelled: set by whoever wants the job to stop.
        pause: least seconds between two progress events.
    """

    def __init__(self, job: str, send: Callable[[Event], None], cancelled: threading.Event, pause: float = SHORTEST_PAUSE) -> None:
        self.job = job
        self.send = send
        self.cancelled = cancelled
        self.pause = pause
        self._stage = ""
        self._began = self._sent = 0.0

    def stage(self, name: str, index: int, count: int) -> None:
        """See `Reporter`."""
        self._stage, self._began, self._sent = name, time.monotonic(), 0.0
        log.info("stage %s (%d of %d)", name, index + 1, count)
        self.send({"event": "stage", "job": self.job, "name": name, "index": index, "count": count})

    def progress(self, done: int, total: int, loss: float | None = None) -> None:
        """See `Reporter`; the time left is that of the stage. A loss that is no number is sent as null."""
        now = time.monotonic()
        if done < total and now - self._sent < self.pause:
            return
        self._sent = now
        eta = (now - self._began) / done * (total - done) if done else -1.0
        self.send(
            {
                "event": "progress",
                "job": self.job,
                "stage": self._stage,
                "done": done,
                "total": total,
                "eta": round(eta, 1),
                "memory_gb": round(peak_gb(), 2),
                "loss": float(loss) if loss is not None and math.isfinite(loss) else None,
            }
        )

    def preview(self, image: str) -> None:
        """See `Reporter`."""
        self.send({"event": "preview", "job": self.job, "image": image})

    def warn(self, code: str, message: str) -> None:
        """See `Reporter`."""
        log.warning("%s: %s", code, message)
        self.send({"event": "warning", "job": self.job, "code": code, "message": message})

    def check_cancelled(self) -> None:
        """See `Reporter`."""
        if self.cancelled.is_set():
            raise Cancelled


class RecordingReporter(EventReporter):
    """Keeps every event in `events`: for tests and for scripts that watch nothing."""

    def __init__(self, job: str = "job") -> None:
        self.events: list[Event] = []
        super().__init__(job, self.events.append, threading.Event(), pause=0.0)


class TerminalReporter:
    """A progress bar on a terminal, and a line for each stage where the output is none; a context manager."""

    def __init__(self, console: Console, cancelled: threading.Event) -> None:
        self.console = console
        self.cancelled = cancelled
        self._bar = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("start", total=None, loss="")

    def __enter__(self) -> TerminalReporter:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def stage(self, name: str, index: int, count: int) -> None:
        """See `Reporter`."""
        log.info("stage %s (%d of %d)", name, index + 1, count)
        if not self.console.is_terminal:
            self.console.print(f"{index + 1}/{count} {name}")
        self._bar.reset(self._task, total=None, description=f"{index + 1}/{count} {name}", loss="")

    def progress(self, done: int, total: int, loss: float | None = None) -> None:
        """See `Reporter`."""
        self._bar.update(self._task, completed=done, total=total, loss="" if loss is None else f"loss {loss:.4g}")

    def preview(self, image: str) -> None:
        """See `Reporter`; a terminal shows none."""

    def warn(self, code: str, message: str) -> None:
        """See `Reporter`."""
        log.warning("%s: %s", code, message)
        self.console.print(f"[yellow]Note:[/yellow] {escape(message)}")

    def check_cancelled(self) -> None:
        """See `Reporter`."""
        if self.cancelled.is_set():
            raise Cancelled


class OneLineFormatter(logging.Formatter):
    """A record is one line, whatever the names in it hold; only a traceback has more."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        return printable(super().formatMessage(record))


@contextlib.contextmanager
def job_log(folder: Path) -> Iterator[None]:
    """Everything logged inside goes to JOB/log.txt too.

    Raises:
        EngineError: "disk_full" or "cannot_write"; "protocol" where anything in the folder is a link: a log is the first that is written there.
    """
    refuse_links(folder)
    with writing():
        handler = logging.FileHandler(folder / "log.txt", encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(OneLineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        log.info("align4d %s, Python %s, %s", ENGINE, platform.python_version(), platform.platform())
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
