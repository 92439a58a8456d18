"""Commands on stdin and events on stdout: one JSON object a line.

Commands are generate {job_folder}, cancel {job} and quit; every one carries `protocol`.
"""

from __future__ import annotations

import json
from typing import Any

from .errors import ProtocolError
from .version import PROTOCOL, check_version

EVENTS = {
    "hello": ("protocol", "version", "pid"),
    "accepted": ("job",),
    "stage": ("job", "name", "index", "count"),
    "progress": ("job", "stage", "done", "total", "eta", "memory_gb", "loss"),
    "preview": ("job", "image"),
    "warning": ("job", "code", "message"),
    "failed": ("job", "code", "message", "advice", "fix"),
    "cancelled": ("job",),
    "finished": ("job", "result"),
}
"""Event name -> its fields. `preview.image` and `finished.result` are paths relative to the job folder; `eta` is in seconds (negative: unknown)."""


def encode(message: dict[str, Any]) -> str:
    """One line of JSON, with the protocol version, ending in a newline. It can be written as UTF-8, whatever file names it holds."""
    line = json.dumps({"protocol": PROTOCOL, **message}, ensure_ascii=False, allow_nan=False) + "\n"
    # half a surrogate pair (a file name that is no UTF-8) becomes \udcXX, which is JSON for the same
    return line.encode("utf-8", "backslashreplace").decode("utf-8")


def decode(line: str | bytes) -> dict[str, Any]:
    """The message of one line. Raises ProtocolError, and nothing else, for anything but an object of this protocol version."""
    try:
        message = json.loads(line if isinstance(line, str) else line.decode("utf-8"))
    except Exception as error:  # nested too deeply, a number too long, no UTF-8, ...
        raise ProtocolError(f"Not a message: {line[:80]!r}.", "Update the Align4D extension and restart Blender.") from error
    if not isinstance(message, dict):
        raise ProtocolError(f"Not a message: {line[:80]!r}.", "Update the Align4D extension and restart Blender.")
    check_version(message.get("protocol"))
    return message


def setting_of(text: str) -> tuple[str, Any]:
    """One of `Request.settings` as people write it, KEY=VALUE: the value is JSON where it parses as such, else text. Raises ValueError."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
