"""The engine process: starting it, talking to it, cancelling, and noticing when it dies. Standard library only, no bpy.

A thread reads each of its outputs; `poll` hands over what has arrived and never blocks.
"""

from __future__ import annotations

import atexit
import json
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...engine.align4d import protocol
from ..errors import UserError
from .processes import engine_environment, kill, start

Event = dict[str, Any]

CANCEL_GRACE = 2.0
"""Seconds that the engine gets to answer a cancel before it is killed."""

_QUIT_GRACE = 2.0
_SIGKILL = 9
"""A process that this signal ended has had no last words; Windows has no such exit code."""

_AT_WORK = ("INFO ", "DEBUG ")
"""How lines of the engine's log begin that say what it does, not why it stopped."""

_ADVICE = "Press Resume: the job goes on where it was. If it happens again, "


class EngineClient:
    """One engine process and the conversation with it.

    Args:
        command: program and arguments; `python -m align4d.server` in practice.
        engine_folder: put on the child's PYTHONPATH, so that the engine is the one of this extension.
        cache: folder for compiled Python and numba code, outside the extension.
        modest: whether Blender comes first where both want the processor, so that its window stays fluent.

    Raises OSError where the program cannot be started.
    """

    def __init__(self, command: Sequence[str], engine_folder: Path, cache: Path, modest: bool = False) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._chatter: deque[str] = deque(maxlen=40)
        self._cancelled = ""
        self._kill_at = float("inf")
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        self._process = start(command, engine_folder, engine_environment(engine_folder, cache), modest=modest, bufsize=1, **pipes)
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
            self._kill_at, self._cancelled = float("inf"), ""
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
        kill(self._process)

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
                    self._events.put({"event": "failed", **UserError("protocol_version", error.message, error.advice).as_dict()})
                    return
                self._chatter.append(line.rstrip())

    def _read_chatter(self) -> None:
        for line in self._process.stderr or ():
            self._chatter.append(line.rstrip())

    def _farewell(self) -> Event:
        """The event that stands for the end of the process."""
        if self._cancelled:
            return {"event": "cancelled", "job": self._cancelled}
        code = self._process.returncode
        if code == -_SIGKILL:
            message, later = "The system ended the engine, as it does where memory runs out.", "close what else needs memory."
        else:
            words = (line for line in reversed(self._chatter) if line.strip() and not line.startswith(_AT_WORK))
            message, later = f"The engine stopped by itself with exit code {code} ({next(words, 'it said nothing')}).", "Show Log says why."
        return {"event": "failed", **UserError("engine_died", message, _ADVICE + later, "open_log").as_dict()}


def _is_message(line: str) -> bool:
    """Whether a line is an object with a protocol version, if not ours; anything else is chatter of a library."""
    try:
        return "protocol" in json.loads(line)
    except Exception:  # nested too deeply, for one
        return False
