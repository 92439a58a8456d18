"""The one exception that reaches a user: what happened and what to do about it."""

from __future__ import annotations


class EngineError(Exception):
    """A failure that the user can act on.

    Args:
        code: a short, stable identifier such as "video_unreadable"; tests and Blender's repair buttons go by it.
        message: one sentence that says what happened.
        advice: one sentence that says what to do.
    """

    def __init__(self, code: str, message: str, advice: str) -> None:
        super().__init__(f"{message} {advice}")
        self.code = code
        self.message = message
        self.advice = advice

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str, str]]:
        """So that it can be sent from one process to another."""
        return type(self), (self.code, self.message, self.advice)


class Cancelled(Exception):
    """The user cancelled the job; raised at the next check so that the checkpoint can be written first."""
