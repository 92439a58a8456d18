"""The engine's door for Blender: commands in on stdin, events out on stdout (see protocol.py), one job at a time.

The main thread works; a second one reads stdin, so that a cancel is seen at once. Whoever closes stdin (Blender quit or died)
cancels the job, which writes its checkpoint, and the server leaves. Start it as `python -m align4d.server [--idle SECONDS]`.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO, Any

from . import __version__, protocol
from .errors import Cancelled, as_engine_error
from .job.lock import sole_engine
from .job.reporting import Event, EventReporter, Reporter, job_log
from .machine.memory import give_back
from .machine.warm_up import wait_passively, warm_up

Run = Callable[[Path, Reporter], protocol.Result]
"""A pipeline: works on a job folder and returns what it has written as output/result.json; raises EngineError or Cancelled."""

TICK = 0.5
"""Seconds between looks at the clock while idle; Windows answers Ctrl+Break only between them."""

LONGEST_COMMAND = 1 << 16
"""Bytes of a line of stdin; a command holds no more than a path."""

log = logging.getLogger(__name__)


class Server:
    """One conversation.

    Args:
        run: the pipeline.
        commands: lines of bytes; its end closes the server.
        messages: takes lines of text.
        idle: seconds without a job after which the server leaves; 0 means never.
    """

    def __init__(self, run: Run, commands: IO[bytes], messages: IO[str], idle: float = 0.0) -> None:
        self.run = run
        self.commands = commands
        self.messages = messages
        self.idle = idle
        self._jobs: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._writing = threading.Lock()
        self._guard = threading.Lock()  # of the next three
        self._unfinished = 0
        self._current: tuple[str, threading.Event] | None = None
        self._cancelled: set[str] = set()
        self._leaving = False

    def serve(self) -> None:
        """Works until told to quit, until stdin closes or until it has been idle for long enough."""
        self.send({"event": "hello", "version": __version__, "pid": os.getpid()})
        threading.Thread(target=self._read, name="commands", daemon=True).start()
        while (folder := self._next()) is not None:
            self._work(folder)
            give_back()

    def leave(self) -> None:
        """Cancels the job and ends `serve`; may be called from any thread and from a signal handler."""
        self._leaving = True
        current = self._current
        if current is not None:
            current[1].set()
        self._jobs.put(None)

    def send(self, event: Event) -> None:
        """Writes one event. Where nobody listens any more the job is cancelled, and the server leaves."""
        line = protocol.encode(event)
        try:
            with self._writing:
                self.messages.write(line)
                self.messages.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            log.warning("nobody listens: %s", error)
            self.leave()

    def _next(self) -> Path | None:
        """The next job's folder; None when it is time to leave."""
        waited = 0.0
        while not self._leaving:
            try:
                return self._jobs.get(timeout=TICK)
            except queue.Empty:
                waited += TICK
                if self.idle and waited >= self.idle:
                    log.info("idle for %.0f s: leaving", waited)
                    return None
        return None

    def _work(self, folder: Path) -> None:
        """One job, from `accepted` to its last event; no exception leaves."""
        job = folder.name
        try:
            with job_log(folder):
                try:
                    job = protocol.read_request(folder).job
                    self.send({"event": "accepted", "job": job})
                    reporter = EventReporter(job, self.send, self._begin(job))
                    with sole_engine(folder, reporter.check_cancelled):
                        self.run(folder, reporter)
                    self.send({"event": "finished", "job": job, "result": "output/result.json"})
                except Cancelled:
                    log.info("cancelled")
                    self.send({"event": "cancelled", "job": job})
                except Exception as error:
                    log.exception("failed")
                    self._fail(job, error)
        except Exception as error:  # the log itself cannot be opened, or the folder's name is none
            log.exception("no log in %r", folder)
            self._fail(job, error)
        finally:
            with self._guard:
                self._current = None
                self._unfinished -= 1

    def _begin(self, job: str) -> threading.Event:
        """The event that cancels this job; already set where the cancel came first."""
        cancelled = threading.Event()
        with self._guard:
            self._current = job, cancelled
            if job in self._cancelled or self._leaving:
                cancelled.set()
            self._cancelled.discard(job)
        return cancelled

    def _fail(self, job: str, error: Exception) -> None:
        failure = as_engine_error(error)
        self.send({"event": "failed", "job": job, **failure.as_dict()})

    def _read(self) -> None:
        """The second thread: commands until the end of stdin. Whatever a line holds, the next one is heard."""
        try:
            while line := self.commands.readline(LONGEST_COMMAND):
                try:
                    self._obey(protocol.decode(self._whole(line)))
                except Exception as error:
                    log.warning("not obeyed: %s", error)
                    self._fail("", error)
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            log.warning("nobody commands: %s", error)
        finally:
            self.leave()

    def _whole(self, line: bytes) -> bytes:
        """The line, if it is one to its end; the rest of one that is too long is skipped. Raises ProtocolError then."""
        if line.endswith(b"\n") or len(line) < LONGEST_COMMAND:
            return line
        while (rest := self.commands.readline(LONGEST_COMMAND)) and not rest.endswith(b"\n"):
            pass
        raise protocol.ProtocolError(f"A command is longer than {LONGEST_COMMAND} bytes.", "Update the Align4D extension and restart Blender.")

    def _obey(self, message: dict[str, Any]) -> None:
        command = message.get("command")
        if command == "generate" and isinstance(message.get("job_folder"), str):
            with self._guard:
                self._unfinished += 1
            self._jobs.put(Path(message["job_folder"]))
        elif command == "cancel":
            self._cancel(str(message.get("job")))
        elif command == "quit":
            self.leave()
        else:
            raise protocol.ProtocolError(f"The engine does not know the command {command!r}.", "Update the Align4D extension and restart Blender.")

    def _cancel(self, job: str) -> None:
        with self._guard:
            if self._current is not None and self._current[0] == job:
                self._current[1].set()
            elif self._unfinished:
                self._cancelled.add(job)  # it waits in the queue
            # else it has just ended: remembered, this cancel would stop the same job when it is started again


def serve(run: Run, commands: IO[bytes], messages: IO[str], idle: float = 0.0) -> None:
    """Serves one conversation; see `Server`."""
    Server(run, commands, messages, idle).serve()


def main(arguments: list[str] | None = None, run: Run | None = None) -> int:
    """Serves stdin and stdout. `run` stands in for the pipeline in tests."""
    parser = argparse.ArgumentParser(prog="align4d.server", description="The engine as Blender starts it.")
    parser.add_argument("--idle", type=float, default=900.0, help="leave after so many seconds without a job; 0: never (default: %(default)s)")
    options = parser.parse_args(arguments)
    wait_passively()
    commands, messages = _take_stdio()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.captureWarnings(True)
    server = Server(run or _pipeline, commands, messages, options.idle)
    _leave_on_interrupt(server)
    if run is None:
        threading.Thread(target=warm_up, args=(_compile_kernels,), name="warm-up", daemon=True).start()
    server.serve()
    return 0


def _pipeline(folder: Path, report: Reporter) -> protocol.Result:
    from .pipeline import artist  # imports torch: after hello

    return artist.run(folder, report)


def _compile_kernels() -> None:
    from .gaussians.fused import compile_kernels  # imports torch: after hello

    compile_kernels()


def _take_stdio() -> tuple[IO[bytes], IO[str]]:
    """Private copies of stdin and stdout; what anybody else prints, in Python or in C, goes to stderr from here on."""
    # unbuffered: a thread that waits in a buffered read holds a lock that the interpreter wants at its exit
    commands = os.fdopen(os.dup(0), "rb", buffering=0)
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return commands, messages


def _leave_on_interrupt(server: Server) -> None:
    """Ctrl+C (and Ctrl+Break on Windows) checkpoint and leave; a second one ends at once."""
    names = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        names.append(signal.SIGBREAK)

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        server.leave()

    for name in names:
        signal.signal(name, interrupt)


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # without the interpreter's farewell: a warm-up thread inside a compiler would crash it
