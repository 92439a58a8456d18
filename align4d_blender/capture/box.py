"""The box that the artist draws around the object in the clip's first frame; it holds for that clip alone."""

from __future__ import annotations

import bpy

from ..errors import UserError

SMALLEST = 0.02
"""Shortest side of a box, in parts of the frame; less is a click."""

Corner = tuple[float, float]
"""Across and up, in parts of the frame, as Blender's image editor counts."""


def box_of(scene: bpy.types.Scene) -> tuple[float, ...]:
    """Left, top, right and bottom in parts of the frame; () where none is drawn in the clip that is chosen now."""
    settings = scene.align4d
    left, top, right, bottom = settings.box
    drawn = settings.boxed == settings.video and left < right and top < bottom
    return (left, top, right, bottom) if drawn else ()


def draw_box(scene: bpy.types.Scene, one: Corner, other: Corner) -> None:
    """Takes the box between two corners. Raises UserError where it is too small to be meant."""
    (left, right), (low, high) = (sorted(min(max(value, 0.0), 1.0) for value in pair) for pair in zip(one, other, strict=True))
    if min(right - left, high - low) < SMALLEST:
        raise UserError("small_box", "That is no box.", "Drag from one corner of the object to the opposite one.")
    scene.align4d.box = left, 1 - high, right, 1 - low
    scene.align4d.boxed = scene.align4d.video


def clear_box(scene: bpy.types.Scene) -> None:
    """Forgets it."""
    scene.align4d.box = 0.0, 0.0, 0.0, 0.0
