"""What panels and buttons ask of the disk each time that they are drawn: looked up once a second at most, so that drawing costs no disk."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

SECONDS = 1.0
"""For which an answer is believed."""

_Result = TypeVar("_Result")
_kept: dict[tuple[Hashable, ...], tuple[float, Any]] = {}


def remembered(function: Callable[..., _Result]) -> Callable[..., _Result]:
    """Gives the answer of the last second again. Arguments have to be hashable."""

    @functools.wraps(function)
    def answer(*arguments: Hashable) -> _Result:
        key = (function, *arguments)
        found = _kept.get(key)
        if found is None or time.monotonic() - found[0] > SECONDS:
            found = _kept[key] = time.monotonic(), function(*arguments)
        result: _Result = found[1]
        return result

    return answer


def forget() -> None:
    """A button has changed what is on the disk."""
    _kept.clear()


@remembered
def exists(path: Path) -> bool:
    """Whether there is a file or a folder."""
    return path.exists()


@remembered
def is_file(path: Path) -> bool:
    """Whether there is a file."""
    return path.is_file()


@remembered
def written(path: Path) -> float:
    """When a file was written [s]; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except (OSError, ValueError):
        return 0.0


@remembered
def holds(folder: Path, pattern: str) -> bool:
    """Whether a folder has entries of such names."""
    return any(folder.glob(pattern))
