"""What is good and bad about the chosen clip, as the engine tells before anything runs: asked in a thread, drawn from what came back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ..errors import UserError
from ..runtime import ask
from ..runtime.ask import EngineReply
from ..runtime.redraw import redraw
from .reference import sequence

if TYPE_CHECKING:
    from concurrent.futures import Future

_TICK = 0.3


class _Clip(NamedTuple):
    """What was asked about: path, when it was written, first and last frame, and the rate of a sequence."""

    path: str
    written: float
    first: int
    last: int
    fps: float


_asked: tuple[_Clip, Future[EngineReply]] | None = None
"""The last question and its answer."""


def ask_about(scene: bpy.types.Scene) -> None:
    """Asks about the clip of the scene's settings, unless it is the same as last time.

    Raises:
        UserError: where there is no engine, or the images of a sequence are not there.
    """
    global _asked
    wanted = _clip(scene)
    if not wanted.path or (_asked is not None and _asked[0] == wanted):
        return
    path = Path(wanted.path)
    words = ["--first", str(max(wanted.first, 1)), "--last", str(wanted.last), "--fps", str(wanted.fps), "--json"]
    movie = path.suffix.lower() in bpy.path.extensions_movie
    _asked = wanted, ask.submit(["check", *([str(path)] if movie else sequence(path)), *words])
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK, persistent=True)


def report(scene: bpy.types.Scene) -> list[EngineReply] | None:
    """The findings about the clip, as of `clip_quality.Finding`; None as long as they are not known. Raises UserError where it cannot be read."""
    if _asked is None or _asked[0] != _clip(scene) or not _asked[1].done():
        return None
    return list(_asked[1].result()["findings"])


def under_way(scene: bpy.types.Scene) -> bool:
    """Whether the engine is looking at the clip."""
    return _asked is not None and _asked[0] == _clip(scene) and not _asked[1].done()


def wait() -> None:
    """Without a window: waits for the answer, whatever it is."""
    with suppress(UserError):
        if _asked is not None:
            _asked[1].result()


def forget() -> None:
    """Forgets what was found."""
    global _asked
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _asked = None


def _clip(scene: bpy.types.Scene) -> _Clip:
    settings = scene.align4d
    path = bpy.path.abspath(settings.video)
    try:
        written = Path(path).stat().st_mtime
    except (OSError, ValueError):
        written = 0.0
    movie = Path(path).suffix.lower() in bpy.path.extensions_movie
    fps = 0.0 if movie else settings.sequence_fps or scene.render.fps / scene.render.fps_base
    return _Clip(path, written, settings.first, settings.last, fps)


def _tick() -> float | None:
    redraw()
    return _TICK if _asked is not None and not _asked[1].done() else None
