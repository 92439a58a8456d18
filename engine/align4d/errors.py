"""From any exception to the sentence that a user gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .protocol import UserError, is_full_disk, write_error

EngineError = UserError
"""What the engine raises: the one error of both sides of the pipe."""

_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "out of memory", "unable to allocate")


class Cancelled(Exception):
    """The user cancelled the job; raised at the next check so that the checkpoint can be written first."""


def as_engine_error(error: BaseException) -> EngineError:
    """What to tell the user: codes "disk_full", "out_of_memory", "internal", or the EngineError itself."""
    if isinstance(error, EngineError):
        return error
    full = _cause(error, lambda one: isinstance(one, OSError) and is_full_disk(one))
    if isinstance(full, OSError):
        return write_error(full)
    if _cause(error, _is_out_of_memory):
        return EngineError(
            "out_of_memory",
            "The memory is not enough for this job.",
            "Choose the draft preset, a shorter frame range, or close other programs.",
            "use_draft",
        )
    return EngineError(
        "internal",
        f"The engine hit an error of its own ({type(error).__name__}).",
        "Generate again; if it comes back, report it with the job's log.",
        "open_log",
    )


@contextmanager
def writing() -> Iterator[None]:
    """Around what writes a job's files: an OSError becomes an EngineError "disk_full" or "cannot_write"."""
    try:
        yield
    except OSError as error:
        raise write_error(error) from error


def _cause(error: BaseException | None, test: Callable[[BaseException], bool]) -> BaseException | None:
    """The error, or the first behind it, that passes the test."""
    while error is not None and not test(error):
        error = error.__cause__
    return error


def _is_out_of_memory(error: BaseException) -> bool:
    # torch's own class is named so; it is not imported here, because this module is loaded before torch
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _MEMORY_WORDS)
