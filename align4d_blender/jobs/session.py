"""Which of the files that this Blender has opened is open: jobs of an earlier one wait until it is open again."""

from __future__ import annotations

_count = 0


def opened() -> int:
    """A number that grows with every file that is opened."""
    return _count


def count_opened() -> None:
    """Another file was opened."""
    global _count
    _count += 1
