"""Motions keep their speed when the artist changes the scene's frame rate."""

from __future__ import annotations

import bpy

from .playback import scene_of

_rates: dict[int, tuple[int, float]] = {}
"""Frames a second of each scene as they were last seen, by its session-wide id."""


def look() -> None:
    """Another file: its motions are in step with its scenes."""
    _rates.clear()
    for scene in bpy.data.scenes:
        _rates[scene.session_uid] = scene.render.fps, scene.render.fps_base


def follow(scene: bpy.types.Scene) -> None:
    """After any change of a scene: where it was the frame rate, its motions are played by the new one."""
    rate = scene.render.fps, scene.render.fps_base
    before = _rates.get(scene.session_uid)
    _rates[scene.session_uid] = rate
    if before in (None, rate):
        return
    from . import results  # brings numpy in: Blender starts sooner without it

    for item in scene.objects:
        if scene_of(item) == scene:
            for result in item.align4d.results:
                results.changed(result)
