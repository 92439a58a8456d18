"""One damaged file, read once: what came of it, and everything that was done outside of its folder meanwhile.

Blender's Python runs this, too.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from align4d.errors import EngineError

from .mutation import damaged

LARGEST = 2_000_000_000
"""Bytes that reading one file may take."""

_DELETING = ("os.remove", "os.rmdir", "os.rename", "os.mkdir", "os.symlink", "os.link", "os.chmod", "os.truncate", "shutil.rmtree")
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.startfile")
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto")
_CODE = ("pickle.find_class",)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        name: of what it reads.
        make: writes sound files into an empty folder.
        read: reads one of them, which lies in `folder` of its like; returns or raises EngineError.
    """

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path, Path], object]


@dataclass
class Outcome:
    """What came of one file.

    Attributes:
        kind: "read", "refused" (with a sentence) or "crash".
        words: the sentence, or the exception and the place where it arose.
        steps: what was done outside.
        bytes: by which the largest memory of the process has grown.
    """

    kind: str
    words: str = ""
    steps: list[str] = field(default_factory=list)
    bytes: int = 0


class Watch:
    """An audit hook (which Python never removes): what is opened, started or connected to while `steps` is a list.

    Args:
        allowed: folders in which everything may be read; nothing but the trial's own folder may be written to.
    """

    def __init__(self, allowed: tuple[Path, ...]) -> None:
        self.allowed = tuple(str(place.resolve()) for place in allowed)
        self.own = ""
        self.steps: list[str] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.steps is None:
            return
        if event == "open":
            self._opened(*arguments)
        elif event in _DELETING:
            self._deleted(event, arguments)
        elif event in (*_PROGRAMS, *_NETWORK, *_CODE) and not _importing():
            self.steps.append(f"{event} {arguments[:1]}")

    def _deleted(self, event: str, arguments: tuple[Any, ...]) -> None:
        path = arguments[0]
        if self.steps is None or not isinstance(path, (str, bytes, os.PathLike)):
            return
        if not os.path.isabs(path) and isinstance(arguments[-1], int) and arguments[-1] >= 0:
            return  # in a folder that is open: shutil.rmtree's own steps, and that said where it goes
        real = os.path.realpath(os.fsdecode(path))
        if not real.startswith(self.own):
            self.steps.append(f"{event} {real}")

    def _opened(self, path: Any, mode: str | None, flags: int) -> None:
        if self.steps is None or not isinstance(path, (str, bytes, os.PathLike)):
            return  # a file that is open already
        real = os.path.realpath(os.fsdecode(path))
        writes = bool(flags & _WRITING) if isinstance(flags, int) else False
        if real.startswith(self.own) or real == os.devnull or _importing():
            return
        if writes or not real.startswith(self.allowed):
            self.steps.append(f"open {real}{' to write' if writes else ''}")


def _importing() -> bool:
    """Whether a module is being imported just now: its own files are no steps of the file that is read."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def make_sound(target: Target, folder: Path) -> list[str]:
    """Writes the target's sound files into an empty folder; their names."""
    target.make(folder)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def attempt(target: Target, sound: Path, names: list[str], number: int | None, folder: Path, watch: Watch) -> Outcome:
    """Copies the sound files into `folder`, which is made anew, damages one of them by the dice of `number` (None: none), and reads it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    dice = Random(f"{target.name} {number}")
    name = dice.choice(names)
    if number is not None:
        content = (sound / name).read_bytes()
        (folder / name).write_bytes(damaged(name, content, dice))
    tempfile.tempdir = str(folder)
    before = _largest_memory()
    watch.own = os.path.realpath(folder)
    steps: list[str] = []
    watch.steps = steps
    try:
        target.read(folder, folder / name)
        outcome = Outcome("read")
    except EngineError as error:
        outcome = Outcome("refused", str(error)) if _is_sentence(error) else Outcome("crash", f"not a sentence: {error!r}")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        outcome = Outcome("crash", f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:200]}")
    finally:
        watch.steps = None
    outcome.steps, outcome.bytes = steps, _largest_memory() - before
    return outcome


def _is_sentence(error: EngineError) -> bool:
    """Whether it says what happened and what to do, in one line each that can be sent."""
    json.dumps(error.as_dict()).encode()
    return bool(error.code and error.message and error.advice) and (error.message + error.advice).isprintable()


def _largest_memory() -> int:
    """Of this process so far [bytes]."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
