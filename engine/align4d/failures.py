"""From any exception to the sentence that a user gets."""

from __future__ import annotations

import errno
from collections.abc import Callable

from .errors import EngineError
from .protocol import ProtocolError

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "out of memory", "unable to allocate")


def as_engine_error(error: BaseException) -> EngineError:
    """What to tell the user: codes "protocol", "disk_full", "out_of_memory", "internal", or the EngineError itself."""
    if isinstance(error, EngineError):
        return error
    if isinstance(error, ProtocolError):
        message, _, advice = str(error).partition(". ")
        return EngineError("protocol", f"{message.rstrip('.')}.", advice or "Start the job again.")
    if _caused_by(error, _is_full_disk):
        return EngineError(
            "disk_full",
            "The disk is full; nothing half-written was left behind.",
            "Free some space and generate again: the job goes on where it was.",
        )
    if _caused_by(error, _is_out_of_memory):
        return EngineError(
            "out_of_memory", "The memory is not enough for this job.", "Choose the draft preset, a shorter frame range, or close other programs."
        )
    return EngineError(
        "internal", f"The engine hit an error of its own ({type(error).__name__}).", "Generate again; if it comes back, report it with the job's log."
    )


def _caused_by(error: BaseException | None, test: Callable[[BaseException], bool]) -> bool:
    while error is not None:
        if test(error):
            return True
        error = error.__cause__
    return False


def _is_full_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _FULL


def _is_out_of_memory(error: BaseException) -> bool:
    # torch's own class is named so; it is not imported here, because this module is loaded before torch
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _MEMORY_WORDS)
