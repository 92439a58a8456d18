"""Keyframes of a motion in a real window: made by the button, broken off by Esc while the status bar tells of them, made, undone, and made again."""

from __future__ import annotations

from typing import Any

import bpy
from doing import apart, expect, press_button, shape, undo
from mouse import Steps, wait_until

PATIENCE = 300.0
"""Seconds that keyframes may take."""
KEPT = 0.05
"""How far a mesh may be from its point cache where it is keyframes [parts of the scene's unit]."""


def by_button(artist: Any, name: str) -> Steps:
    """On a mesh `name` with a motion as a point cache and no armature, which is so afterwards."""
    before = shape(name)
    result = bpy.data.objects[name].align4d.results[0]
    usual, result.tolerance = result.tolerance, 0.2  # fewer keys: so much work that there is time to break it off
    yield from press_button(artist, "make_keyframes")
    yield from wait_until(_working, "the keyframes are made in slices", 20)
    yield 1.0
    artist.picture("window_keyframes_working")
    artist.press("Escape")
    yield from wait_until(lambda: not _working(), "Esc stops it", 20)
    expect(_form(name) == "CACHE" and not bpy.data.armatures, "Esc leaves nothing behind")
    expect(apart(shape(name), before) < 1e-5, "after Esc the motion is as it was before")
    yield 1.0
    artist.picture("window_keyframes_stopped")
    yield from press_button(artist, "make_keyframes")
    yield from wait_until(lambda: _form(name) == "KEYFRAMES", "the keyframes are made", PATIENCE)
    yield 1.0
    artist.picture("window_keyframes")
    keyed = shape(name)
    expect(1e-6 < apart(keyed, before) < KEPT, "the armature shows the motion of the point cache")
    yield from undo(artist, lambda: _form(name) == "CACHE", "undo takes the keyframes back")
    expect(not bpy.data.armatures and apart(shape(name), before) < 1e-5, "after undo the motion is as it was before")
    artist.picture("window_keyframes_undone")
    artist.point_at_view()
    artist.press("ctrl+shift+z")
    yield from wait_until(lambda: _form(name) == "KEYFRAMES", "redo brings them back", 20)
    expect(apart(shape(name), keyed) < 1e-5, "after redo the motion is as it was keyed")
    yield from press_button(artist, "use_point_cache")
    yield from wait_until(lambda: _form(name) == "CACHE", "the point cache plays again", 20)
    bpy.data.objects[name].align4d.results[0].tolerance = usual
    artist.report["keyed_by_button"] = True


def _working() -> bool:
    """Whether the button's work goes on."""
    return any(operator.bl_idname == "ALIGN4D_OT_make_keyframes" for operator in bpy.context.window_manager.windows[0].modal_operators)


def _form(name: str) -> str:
    return str(bpy.data.objects[name].align4d.results[0].form)
