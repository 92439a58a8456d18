"""The artist's modes: a sculpted, painted or edited mesh takes no motion, and without a window nobody else leaves them."""

from __future__ import annotations

import bpy

QUIET = {"OBJECT", "POSE"}
"""Modes whose undo steps hold modifiers, so that a result can arrive in them."""


def leave(context: bpy.types.Context) -> None:
    """Brings every object of the view layer that is edited, sculpted or painted back to Object Mode."""
    for item in context.view_layer.objects:
        if item.mode not in QUIET:
            with context.temp_override(active_object=item, object=item):  # a command's context knows no active object
                bpy.ops.object.mode_set(mode="OBJECT")
