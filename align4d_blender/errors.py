"""The one exception of the Blender side that reaches the artist."""

from __future__ import annotations


class UserError(Exception):
    """Something the artist can put right.

    Args:
        code: a short, stable identifier such as "video_missing"; tests go by it.
        message: one sentence that says what happened.
        advice: one sentence that says what to do.
    """

    def __init__(self, code: str, message: str, advice: str) -> None:
        super().__init__(f"{message} {advice}")
        self.code = code
        self.message = message
        self.advice = advice


def disk_error(error: OSError) -> UserError:
    """A failed write, in the artist's words."""
    return UserError(
        "cannot_write",
        f"The files of this job could not be written ({error.strerror or error}).",
        "Free some space, or save the .blend in a folder that can be written to, then press Generate again.",
    )
