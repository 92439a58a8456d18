"""The order of numbered files, the same wherever a sequence is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """By name, numbers in it by their value: frame_9 before frame_10."""
    return sorted(paths, key=_key)


def _key(path: Path) -> list[int | str]:
    # every second part is the digits, so that numbers meet numbers and words meet words
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"(\d+)", path.name))]
