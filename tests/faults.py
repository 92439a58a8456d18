"""Faults on purpose: what a process does to the files below a folder is watched, stopped or made to fail, at each point in turn.

What is looked at is what the system sees: a file opened for writing, bytes handed over, fsync, rename, a folder made, something deleted.
Standard library only: the engine's tests use it, Blender's, and scripts/bench.py faults.
"""

from __future__ import annotations

import builtins
import contextlib
import dataclasses
import errno
import hashlib
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

ERRORS = (errno.ENOSPC, errno.EROFS, errno.EACCES)
"""Disk full, read-only, no permission."""

_UNTOLD = re.compile(r"\.\d+\.part$")
_NOT_CONTENT = (".lock", "log.txt")


@dataclasses.dataclass(frozen=True)
class Point:
    """One thing that is about to be done to a file, by its path below the watched folder, without the number of the process."""

    what: str
    path: str


class _Raw(io.FileIO):
    """A file whose every write is told of.

    Args:
        names: of the open files by their descriptors; this one's is in it as long as it is open.
    """

    def __init__(self, path: str, mode: str, name: str, names: dict[int, str], at: Callable[[Point], None]) -> None:
        super().__init__(path, mode)
        self._told, self._names, self._at = name, names, at
        names[self.fileno()] = name

    def write(self, data: Any) -> int:
        self._at(Point("write", self._told))
        return super().write(data)

    def close(self) -> None:
        if not self.closed:
            self._names.pop(self.fileno(), None)
        super().close()


@contextlib.contextmanager
def watching(folder: Path, at: Callable[[Point], None]) -> Iterator[None]:
    """`at` is called before anything is done to a file below `folder`; what it raises is raised in the place of that."""
    real_open, real = builtins.open, {name: getattr(os, name) for name in ("replace", "rename", "mkdir", "unlink", "remove", "rmdir", "fsync")}
    real_rmtree = shutil.rmtree
    root, descriptors = os.path.realpath(folder), dict[int, str]()

    def below(path: Any) -> str | None:
        if not isinstance(path, (str, os.PathLike)):
            return None
        whole = os.path.join(os.path.realpath(os.path.dirname(os.path.abspath(path))), os.path.basename(path))
        return _UNTOLD.sub(".part", os.path.relpath(whole, root).replace(os.sep, "/")) if whole.startswith(root + os.sep) else None

    def tell(what: str, *paths: Any) -> None:
        for found in filter(None, map(below, paths)):
            return at(Point(what, found))

    def open_(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None, newline: Any = None, **others: Any) -> Any:
        name = below(file)
        if name is None or name.endswith("log.txt") or not set(mode) & set("wax+"):
            return real_open(file, mode, buffering, encoding, errors, newline, **others)
        tell("open", file)
        raw = _Raw(os.fspath(file), mode.replace("b", "").replace("t", ""), name, descriptors, at)
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    def told(name: str, what: str) -> Any:
        def call(path: Any, *rest: Any, **others: Any) -> Any:
            tell(what, *((path, *rest) if what == "rename" else (path,)))
            return real[name](path, *rest, **others)

        return call

    def fsync(descriptor: int) -> None:
        if descriptor in descriptors:
            at(Point("fsync", descriptors[descriptor]))
        real["fsync"](descriptor)

    def rmtree(path: Any, ignore_errors: bool = False, **others: Any) -> None:
        with contextlib.suppress(OSError) if ignore_errors else contextlib.nullcontext():
            tell("delete folder", path)
            real_rmtree(path, ignore_errors, **others)

    doing = {"replace": "rename", "rename": "rename", "mkdir": "make folder", "unlink": "delete", "remove": "delete", "rmdir": "delete"}
    with contextlib.ExitStack() as stack:
        for name, what in doing.items():
            stack.enter_context(mock.patch.object(os, name, told(name, what)))
        stack.enter_context(mock.patch.object(os, "fsync", fsync))
        stack.enter_context(mock.patch.object(shutil, "rmtree", rmtree))
        stack.enter_context(mock.patch.object(builtins, "open", open_))
        stack.enter_context(mock.patch.object(io, "open", open_))
        yield


@dataclasses.dataclass(frozen=True)
class Work:
    """Something that must survive every fault.

    Attributes:
        name: for the table.
        begin: makes a new folder ready.
        go_on: does the work there, or what is left of it.
        outcome: what must be the same at the end, whatever happened on the way.
        foreseen: whether an error is one that a user is told about in words.
        always: what holds at any instant, however the work was broken off; the reason why not, "" where it holds.
    """

    name: str
    begin: Callable[[Path], None]
    go_on: Callable[[Path], None]
    outcome: Callable[[Path], object]
    foreseen: Callable[[BaseException], bool]
    always: Callable[[Path], str] = lambda folder: ""


@dataclasses.dataclass
class Tally:
    """How a sweep went: faults tried, different states of the folder that they left, and what was wrong."""

    points: int = 0
    states: int = 0
    lost: list[str] = dataclasses.field(default_factory=list)
    different: list[str] = dataclasses.field(default_factory=list)
    unforeseen: list[str] = dataclasses.field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.lost or self.different or self.unforeseen)


class Sweep:
    """Faults at the points of one piece of work.

    Args:
        work: what is disturbed.
        place: an empty folder for copies.
        every: one point of so many is tried.
    """

    def __init__(self, work: Work, place: Path, every: int = 1) -> None:
        self.work, self.place, self.every = work, place, every
        self._ends: dict[str, str] = {}
        self.points: list[tuple[Point, Path]] = []
        """Each point of the undisturbed run, and a copy of the folder as a kill at that point leaves it."""
        folder = place / "undisturbed"
        folder.mkdir(parents=True)
        work.begin(folder)
        with watching(folder, lambda point: self._keep(folder, point)):
            work.go_on(folder)
        self.wanted = work.outcome(folder)

    def stopped(self, first: int = 0) -> Tally:
        """Killed at each point, from the `first` on."""
        tally = Tally()
        for point, copy in self.points[first :: self.every]:
            self._finish(tally, copy, f"stopped at {point.what} {point.path}")
        return tally

    def failing(self, number: int, first: int = 0) -> Tally:
        """The system refuses what is done at each point from the `first` on, with this error number; then it works again.

        The work goes on from what a kill at the point would have left, and fails where it comes to that point: two points of one name
        and one state (two pieces of one file) are the same trial, which is made once.
        """
        tally = Tally()
        trials: dict[tuple[Point, str], tuple[Path, str]] = {}
        for point, copy in self.points[first :: self.every]:
            words = f"{errno.errorcode[number]} at {point.what} {point.path}"
            key = point, state_of(copy)
            if key not in trials:
                trials[key] = self._refused(point, copy, number, f"trial-{len(trials)}")
            left, unforeseen = trials[key]
            if unforeseen:
                tally.unforeseen.append(f"{words}: {unforeseen}")
            self._finish(tally, left, words)
        for left, _ in trials.values():
            shutil.rmtree(left)
        return tally

    def _refused(self, point: Point, copy: Path, number: int, name: str) -> tuple[Path, str]:
        """What a refusal at a point leaves, and the error, where it was not one that a user is told about."""
        trial = self._copy(copy, name)
        try:
            with watching(trial, _refusing(point, number)):
                self.work.go_on(trial)
        except Exception as error:
            return trial, "" if self.work.foreseen(error) else repr(error)
        return trial, ""

    def _keep(self, folder: Path, point: Point) -> None:
        self.points.append((point, self._copy(folder, f"{len(self.points):04}")))

    def _copy(self, folder: Path, name: str) -> Path:
        return Path(shutil.copytree(folder, self.place / name, symlinks=True))

    def _finish(self, tally: Tally, folder: Path, words: str) -> None:
        """Lets the work go on from a state, each different state once."""
        tally.points += 1
        state = state_of(folder)
        if state not in self._ends:
            tally.states += 1
            end = self._copy(folder, "end")
            try:
                if reason := self.work.always(end):
                    raise ValueError(reason)
                self.work.go_on(end)
                self._ends[state] = "same" if self.work.outcome(end) == self.wanted else "different"
            except Exception as error:
                self._ends[state] = f"{error!r}"
            shutil.rmtree(end)
        if self._ends[state] == "different":
            tally.different.append(words)
        elif self._ends[state] != "same":
            tally.lost.append(f"{words}: {self._ends[state]}")


def _refusing(point: Point, number: int) -> Callable[[Point], None]:
    """Fails the first time that the work comes to a point, and ever after: a full disk stays full, but for what is deleted."""
    reached = False

    def at(now: Point) -> None:
        nonlocal reached
        reached = reached or now == point
        if reached and not (number == errno.ENOSPC and now.what.startswith("delete")):
            raise OSError(number, os.strerror(number), now.path)

    return at


def state_of(folder: Path) -> str:
    """Of everything below a folder but locks and the log; of what was left unfinished the names alone."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.endswith(_NOT_CONTENT):
            continue
        unfinished = ".part" in name
        found.update(_UNTOLD.sub(".part", name).encode() + (b"" if unfinished or not path.is_file() else path.read_bytes()) + b"\0")
    return found.hexdigest()
