"""The versions of the protocol and of the engine."""

from __future__ import annotations

from .errors import ProtocolError

PROTOCOL = 1

ENGINE = "0.1.0"
"""As pyproject.toml and blender_manifest.toml have it."""


def check_version(version: object) -> None:
    """Raises ProtocolError, with what to do, unless `version` is ours."""
    if version != PROTOCOL:
        raise ProtocolError(
            f"The other side speaks protocol {version}, this side speaks {PROTOCOL}.",
            "Update the Align4D extension and restart Blender, so that both come from the same version.",
        )
