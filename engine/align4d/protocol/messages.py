"""Commands on stdin and events on stdout: one JSON object a line."""

from __future__ import annotations

import json
from typing import Any

from .errors import ProtocolError
from .version import PROTOCOL, check_version

COMMANDS = ("generate", "cancel", "quit")
"""generate {job_folder}; cancel {job}; quit. Every command carries `protocol`."""

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
    """One line of JSON, with the protocol version, ending in a newline."""
    return json.dumps({"protocol": PROTOCOL, **message}, ensure_ascii=False, allow_nan=False) + "\n"


def decode(line: str) -> dict[str, Any]:
    """The message of one line. Raises ProtocolError for anything but an object of this protocol version."""
    try:
        message = json.loads(line)
    except ValueError as error:
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
