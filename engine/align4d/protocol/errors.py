"""The one error that reaches a person, on both sides of the pipe: what happened, what to do, and which button does it."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any, Self

FIXES = (
    "choose_video",
    "choose_image",
    "choose_gaussians",
    "use_whole_video",
    "start_later",
    "end_earlier",
    "use_draft",
    "clear_overrides",
    "use_any_device",
    "open_log",
    "show_jobs",
    "install_engine",
    "repair_engine",
    "install_masks",
    "install_models",
    "install_ray",
    "draw_box",
    "allow_online",
    "fetch_model",
    "accept_license",
    "show_preferences",
)
"""Repairs that an error may name. Some go on after a colon: "start_later:12" and "end_earlier:1000" (frames), "fetch_model:svd" and
"accept_license:svd" (a model).
"""

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def printable(text: str) -> str:
    """`text` as one line that can be written everywhere: names in files are other people's, and may hold line breaks and half characters."""
    return "".join(character if character.isprintable() else " " for character in text)


class UserError(Exception):
    """Something that a person can put right.

    Args:
        code: a short, stable identifier such as "video_unreadable"; tests and callers go by it.
        message: one sentence that says what happened.
        advice: one sentence that says what to do.
        fix: the repair that a button offers, one of `FIXES`; "" where there is none.
    """

    def __init__(self, code: str, message: str, advice: str, fix: str = "") -> None:
        super().__init__(code, message, advice, fix)
        self.code = code
        self.message = printable(message)
        self.advice = printable(advice)
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()

    def as_dict(self) -> dict[str, str]:
        """Its four parts, as a `failed` event and a job's record have them."""
        return {"code": self.code, "message": self.message, "advice": self.advice, "fix": self.fix}

    @classmethod
    def from_dict(cls, parts: Mapping[str, Any]) -> UserError:
        """What `as_dict` gave; one of an older version names no repair. Raises KeyError where another part is missing."""
        return UserError(str(parts["code"]), str(parts["message"]), str(parts["advice"]), str(parts.get("fix", "")))


class ProtocolError(UserError):
    """A message or a file that does not follow the protocol."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__("protocol", message, advice)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """So that it can be sent from one process to another."""
        return type(self), (self.message, self.advice)


def write_error(error: OSError) -> UserError:
    """A failed write in words: code "disk_full" or "cannot_write"."""
    if is_full_disk(error):
        return UserError(
            "disk_full",
            "The disk is full; nothing half-written was left behind.",
            "Free some space and generate again: the job goes on where it was.",
            "show_jobs",
        )
    return UserError(
        "cannot_write",
        f"The files of this job could not be written ({error.strerror or error}).",
        "Choose a folder that can be written to, or save the .blend in one, then generate again.",
    )


def is_full_disk(error: OSError) -> bool:
    """Whether no space is left. numpy says so without a number: "4096 requested and 0 written"."""
    return error.errno in _FULL or (error.errno is None and "requested and" in str(error))
