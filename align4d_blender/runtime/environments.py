"""The engine's environments that are there, and what one has to hold. Standard library only, no bpy."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

STAMP = "align4d.json"
"""Written last into an environment: what it was made of, and when it was finished."""


class Installed(NamedTuple):
    """An environment that is there.

    Attributes:
        python: the engine's interpreter.
        requirements, build: as in its plan.
        finished: when, in seconds since 1970.
    """

    python: Path
    requirements: tuple[str, ...]
    build: str
    finished: float

    @property
    def folder(self) -> Path:
        """The whole environment."""
        return self.python.parents[1]


def find_installed(place: Path) -> Installed | None:
    """The finished environment in the folder of environments; the last one that was finished, where an old one could not be deleted."""
    return max(finished(place), key=lambda found: found.finished, default=None)


def finished(place: Path) -> Iterator[Installed]:
    """The environments with a stamp; one that cannot be read is none."""
    for stamp in place.glob(f"environment-*/{STAMP}"):
        try:
            data = json.loads(stamp.read_text(encoding="utf-8"))
            yield Installed(interpreter(stamp.parent), tuple(map(str, data["requirements"])), str(data["build"]), float(data.get("finished", 0)))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue


def interpreter(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


@functools.cache
def pins(pyproject: Path, groups: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The engine's dependencies, and those of further groups ("masks", "priors")."""
    import tomllib

    with open(pyproject, "rb") as file:
        project = tomllib.load(file)["project"]
    return tuple(line for part in (project["dependencies"], *(project["optional-dependencies"][group] for group in groups)) for line in part)
