"""A strip below the frame numbers of the timeline and the dope sheet: how sure the motion is frame by frame, and where poses are kept."""

from __future__ import annotations

from typing import Any

import bpy

from ..align4d_blender.errors import UserError
from ..align4d_blender.result.playback import active, scene_frame, scene_of

HEIGHT, RULER = 7, 18
"""Of the strip, and of the frame numbers above it [px at a resolution scale of 1]. In the usual timeline the scroll bar comes right below."""

PIN = 1.0, 1.0, 1.0, 1.0
"""Color of a kept pose."""

_handles: list[Any] = []


def attach() -> None:
    """Starts to draw in every timeline and dope sheet; without a window there is nothing to draw in."""
    if not bpy.app.background:
        _handles.append(bpy.types.SpaceDopeSheetEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL"))


def detach() -> None:
    """Stops it."""
    while _handles:
        bpy.types.SpaceDopeSheetEditor.draw_handler_remove(_handles.pop(), "WINDOW")


def boxes(context: bpy.types.Context) -> list[tuple[float, float, tuple[float, ...]]]:
    """First and last scene frame and color of what is drawn: the frames of the motion of the mesh that the active object stands for, then
    its kept poses; nothing unless Show Doubt is on."""
    from ..align4d_blender.result import certainty, hand

    item = hand.mesh_of(context.active_object)
    if item is None or not certainty.is_shown(item):
        return []
    try:
        found = certainty.strip(item)
    except UserError:  # the panel says what is wrong
        return []
    result, scene = active(item), scene_of(item)
    pins = [scene_frame(result, scene, pin.frame - 1) for pin in result.pins]
    return found + [(at - 0.15, at + 0.15, PIN) for at in pins]


def _draw() -> None:
    context = bpy.context
    drawn = boxes(context)
    if not drawn:
        return
    import gpu  # there is none without a window
    from gpu_extras.batch import batch_for_shader

    to_region, scale = context.region.view2d.view_to_region, context.preferences.system.ui_scale
    high = context.region.height - RULER * scale
    low = high - HEIGHT * scale
    corners: list[tuple[float, float]] = []
    colors: list[tuple[float, ...]] = []
    faces: list[tuple[int, int, int]] = []
    for first, last, color in drawn:
        left, right = (to_region(frame, 0, clip=False)[0] for frame in (first, last))
        faces += [(len(corners), len(corners) + 1, len(corners) + 2), (len(corners), len(corners) + 2, len(corners) + 3)]
        corners += [(left, low), (right, low), (right, high), (left, high)]
        colors += [color] * 4
    shader = gpu.shader.from_builtin("FLAT_COLOR")
    batch_for_shader(shader, "TRIS", {"pos": corners, "color": colors}, indices=faces).draw(shader)
