"""The one engine process of this Blender: started on first use, kept for the next job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..errors import UserError
from ..storage import folders
from . import preferences

if TYPE_CHECKING:
    from .client import EngineClient

client: EngineClient | None = None
"""The process and the conversation with it; None before its first use, and after `close`."""

_python: Path | None = None


def ready() -> EngineClient:
    """The process of the interpreter that is chosen now, started where it does not run. Raises UserError."""
    from .client import EngineClient  # Blender starts sooner without it

    global client, _python
    python = preferences.engine_python(preferences.get())
    if client and (not client.alive or _python != python):
        close()
    if client is None:
        words = [str(python), "-m", "align4d.server"]
        try:
            client = EngineClient(words, preferences.ENGINE_FOLDER, folders.user_folder("cache"), modest=not bpy.app.background)
        except OSError as error:
            raise UserError(
                "engine_missing", f"{python} could not be started ({error.strerror or error}).", preferences.ADVICE, "show_preferences"
            ) from error
        _python = python
    return client


def is_running() -> bool:
    """Whether the process is there, at work or idle."""
    return client is not None and client.alive


def close() -> None:
    """Ends the process and frees its memory; a job that it has at work is interrupted, which the queue notices."""
    global client
    if client:
        client.close()
        client = None
