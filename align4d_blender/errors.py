"""The one exception of the Blender side that reaches the artist: the same that the engine raises and sends."""

from __future__ import annotations

from ..engine.align4d.protocol import UserError, write_error

__all__ = ["UserError", "write_error"]
