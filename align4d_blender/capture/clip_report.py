"""What is good and bad about the chosen clip, as the engine tells before anything runs: asked in a thread, drawn from what came back."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import bpy

from ..runtime.ask import EngineReply
from ..runtime.question import Question
from ..storage.remembered import forget, written
from .reference import sequence


class _Clip(NamedTuple):
    """What was asked about: path, when it was written, first and last frame, and the rate of a sequence."""

    path: str
    written: float
    first: int
    last: int
    fps: float


question = Question()


def ask_about(scene: bpy.types.Scene) -> None:
    """Asks about the clip of the scene's settings, unless it is the same as last time.

    Raises:
        UserError: where there is no engine, or the images of a sequence are not there.
    """
    forget()  # the clip as it is now
    wanted = _clip(scene)
    if not wanted.path or question.is_about(wanted):
        return
    question.ask(wanted, ["check", *clip_words(scene), "--json"])


def clip_words(scene: bpy.types.Scene) -> list[str]:
    """The clip of the scene's settings for the engine's command line. Raises UserError where the images of a sequence are not there."""
    wanted = _clip(scene)
    path = Path(wanted.path)
    images = [str(path)] if _is_movie(path) else sequence(path)
    return [*images, "--first", str(max(wanted.first, 1)), "--last", str(wanted.last), "--fps", str(wanted.fps)]


def report(scene: bpy.types.Scene) -> list[EngineReply] | None:
    """The findings about the clip, as of `clip_quality.Finding`; None as long as they are not known. Raises UserError where it cannot be read."""
    answer = question.answer(_clip(scene))
    return None if answer is None else list(answer["findings"])


def under_way(scene: bpy.types.Scene) -> bool:
    """Whether the engine is looking at the clip."""
    return question.is_under_way(_clip(scene))


def _clip(scene: bpy.types.Scene) -> _Clip:
    settings = scene.align4d
    path = bpy.path.abspath(settings.video)
    fps = 0.0 if _is_movie(Path(path)) else settings.sequence_fps or scene.render.fps / scene.render.fps_base
    return _Clip(path, written(Path(path)), settings.first, settings.last, fps)


def _is_movie(path: Path) -> bool:
    return path.suffix.lower() in bpy.path.extensions_movie
