"""The version of the protocol, and the error of whatever does not follow it."""

from __future__ import annotations

PROTOCOL = 1


class ProtocolError(Exception):
    """A message or a file that does not follow the protocol; the text says what to do."""


def check_version(version: object) -> None:
    """Raises ProtocolError, with what to do, unless `version` is ours."""
    if version != PROTOCOL:
        raise ProtocolError(
            f"The other side speaks protocol {version}, this side speaks {PROTOCOL}. "
            "Update the Align4D extension and restart Blender, so that both come from the same version."
        )
