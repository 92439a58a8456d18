"""Reading what others wrote: whatever goes wrong with a file is a sentence about that file, and its words are safe to print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Cancelled, EngineError, as_engine_error
from ..protocol import printable

LONGEST_REASON = 200
"""Characters of a library's own words that are passed on."""


@contextmanager
def reading(code: str, message: str, advice: str, fix: str = "") -> Iterator[None]:
    """Everything that goes wrong inside becomes one EngineError.

    Readers of other people's files raise what they like: lists of the exceptions that are expected of one are never complete. Limits come
    first inside: what a file claims is compared with them before anything of that size is made.

    Args:
        code, advice, fix: of the EngineError.
        message: what cannot be read, as a sentence without its full stop; the reason follows in brackets.

    Raises:
        EngineError: as given, or "disk_full"; one that is raised inside stays as it is, and so does Cancelled.
    """
    try:
        yield
    except (Cancelled, EngineError):
        raise
    except Exception as error:
        if as_engine_error(error).code == "disk_full":
            raise
        raise EngineError(code, f"{message} ({reason(error)}).", advice, fix) from error


def reason(error: Exception) -> str:
    """An exception in a few words, without a full stop."""
    if isinstance(error, MemoryError):
        return "it claims to hold more than fits into the memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(words)[:LONGEST_REASON].rstrip(". ")
