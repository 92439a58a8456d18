"""The one exception of the Blender side that reaches the artist, the same that the engine raises and sends; and what is told of all others."""

from __future__ import annotations

import sys

from ..engine.align4d.protocol import UserError, write_error

__all__ = ["UserError", "report_exception", "write_error"]


def report_exception() -> str:
    """Prints the exception that is being handled, with where it came from, to the console. Returns the same text."""
    import traceback  # Blender starts sooner without it

    text = traceback.format_exc()
    print(text, file=sys.stderr, end="")
    return text
