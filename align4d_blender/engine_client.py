"""The engine process: starting it, talking to it, cancelling, and noticing when it dies. Standard library only, no bpy.

A thread reads each of its outputs; `poll` hands over what has arrived and never blocks.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..engine.align4d import protocol

Event = dict[str, Any]

CANCEL_GRACE = 2.0
"""Seconds that the engine gets to answer a cancel before it is killed."""

_QUIT_GRACE = 2.0
_ADVICE = "Press Generate again; if it happens again, look into the job's log.txt."


class EngineClient:
    """One engine process and the conversation with it.

    Args:
        command: program and arguments; `python -m align4d.server` in practice.
        engine_folder: put on the child's PYTHONPATH, so that the engine is the one of this extension.
        cache: folder for compiled Python and numba code, outside the extension.

    Raises OSError where the program cannot be started.
    """

    def __init__(self, command: Sequence[str], engine_folder: Path, cache: Path) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._chatter: deque[str] = deque(maxlen=40)
        self._cancelled = ""
        self._kill_at = float("inf")
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(engine_folder, cache),
            cwd=engine_folder,
            text=True,
            encoding="utf-8",
            errors="replace",
            bufsize=1,
            **_own_group(),
        )
        self._said_exit = False
        self._readers = [threading.Thread(target=target, daemon=True) for target in (self._read_events, self._read_chatter)]
        for reader in self._readers:
            reader.start()
        atexit.register(self.close)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def generate(self, folder: Path) -> None:
        """Asks for the job of this folder. A dead engine is reported by `poll`."""
        self._send({"command": "generate", "job_folder": str(folder)})

    def cancel(self, job: str) -> None:
        """Asks the engine to stop the job; `poll` kills it when it does not answer in time."""
        self._cancelled = job
        self._kill_at = time.monotonic() + CANCEL_GRACE
        self._send({"command": "cancel", "job": job})

    def poll(self) -> list[Event]:
        """What has arrived since the last call. A crash and another protocol version arrive as a `failed` event without a job."""
        if time.monotonic() > self._kill_at:
            self.kill()
        exited = not self.alive and not any(reader.is_alive() for reader in self._readers)
        events = []
        with suppress(queue.Empty):
            while True:
                events.append(self._events.get_nowait())
        if any(event.get("event") in {"cancelled", "finished", "failed"} for event in events):
            self._kill_at = float("inf")
        if exited and not self._said_exit:
            self._said_exit = True
            events.append(self._farewell())
        return events

    def close(self) -> None:
        """Asks the engine to leave, and kills it when it does not."""
        atexit.unregister(self.close)
        if self.alive:
            self._send({"command": "quit"})
            with suppress(OSError):
                self._input.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_QUIT_GRACE)
        self.kill()

    def kill(self) -> None:
        """Ends the process and its children at once."""
        if self.alive:
            if sys.platform == "win32":
                subprocess.run(["taskkill", "/F", "/T", "/PID", str(self._process.pid)], capture_output=True, check=False)
            else:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def _input(self) -> Any:
        return self._process.stdin

    def _send(self, message: dict[str, Any]) -> None:
        with suppress(OSError, ValueError):
            self._input.write(protocol.encode(message))
            self._input.flush()

    def _read_events(self) -> None:
        for line in self._process.stdout or ():
            try:
                self._events.put(protocol.decode(line))
            except protocol.ProtocolError as error:
                if _is_message(line):
                    self._said_exit = True
                    self.kill()
                    self._events.put({"event": "failed", "code": "protocol_version", "message": str(error), "advice": ""})
                    return
                self._chatter.append(line.rstrip())

    def _read_chatter(self) -> None:
        for line in self._process.stderr or ():
            self._chatter.append(line.rstrip())

    def _farewell(self) -> Event:
        """The event that stands for the end of the process."""
        if self._cancelled:
            return {"event": "cancelled", "job": self._cancelled}
        last = next((line for line in reversed(self._chatter) if line.strip()), "it said nothing")
        message = f"The engine stopped by itself with exit code {self._process.returncode} ({last})."
        return {"event": "failed", "code": "engine_died", "message": message, "advice": _ADVICE}


def _is_message(line: str) -> bool:
    """Whether a line is an object with a protocol version, if not ours; anything else is chatter of a library."""
    try:
        return "protocol" in json.loads(line)
    except (ValueError, TypeError):
        return False


def _environment(engine_folder: Path, cache: Path) -> dict[str, str]:
    """The child's environment: this extension's engine, UTF-8, nothing of Blender's own Python, nothing written into the extension."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PYTHONSTARTUP"}}
    return environment | {
        "PYTHONPATH": str(engine_folder),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPYCACHEPREFIX": str(cache / "python"),
        "NUMBA_CACHE_DIR": str(cache / "numba"),
    }


def _own_group() -> dict[str, Any]:
    """A process group of its own, so that Ctrl+C in Blender's terminal does not reach it and killing it reaches its children."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}
