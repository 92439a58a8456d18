"""The engine's process around the pretend pipeline: lines in, lines out."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from align4d import protocol

HERE = Path(__file__).parent
PATIENCE = 30.0
Event = dict[str, Any]


class Engine:
    """A running engine process."""

    def __init__(self, *arguments: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(HERE.parents[1] / "engine")}
        flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "pretend_pipeline.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            creationflags=flags,
        )
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.chatter: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.put(line.decode("utf-8"))

    def _listen(self) -> None:
        for line in self.process.stderr or ():
            self.chatter.append(line.decode("utf-8", "replace"))

    def write(self, text: str) -> None:
        """Writes raw text to its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode("utf-8"))
        self.process.stdin.flush()

    def command(self, command: str, **fields: str) -> None:
        """Sends a command."""
        self.write(protocol.encode({"command": command, **fields}))

    def next(self) -> Event:
        """The next event; every line has to be one."""
        return protocol.decode(self.lines.get(timeout=PATIENCE))

    def until(self, *names: str) -> list[Event]:
        """Events up to the first of these names."""
        events = [self.next()]
        while events[-1]["event"] not in names:
            events.append(self.next())
        return events

    def ended(self) -> int:
        """Its exit code, once it has left; its stdin stays open meanwhile."""
        code = self.process.wait(PATIENCE)
        self._listener.join(PATIENCE)
        return code
