"""What the chosen clip still needs, below the field where it is chosen."""

from __future__ import annotations

import bpy

from ..align4d_blender.errors import UserError
from . import fixes, text


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """A sentence and the button; while a model is fetched its progress. Nothing where the clip needs nothing."""
    from ..align4d_blender.capture import clip_check
    from ..align4d_blender.capture.box import box_of
    from ..align4d_blender.runtime import models

    if context.scene.align4d.masks:
        return
    if box_of(context.scene):
        row = layout.row()
        text.paragraph(row.column(), context, "The object is cut out by the box around it", "SELECT_SET")
        row.operator("align4d.clear_box", text="", icon="X")
        return
    try:
        need = clip_check.need(context.scene)
    except UserError as error:
        text.paragraph(layout, context, str(error), "ERROR")
        fixes.draw(layout, error.fix)
        return
    if need is None:
        return
    text.paragraph(layout, context, need.sentence, "ERROR" if need.fix else "INFO")
    fixes.draw(layout, "draw_box")
    running = models.fetching
    if running and not running.ended and need.fix == f"fetch_model:{running.model}":
        layout.progress(factor=running.done / max(running.total, 1), text=f"{text.size(running.done)} of {text.size(running.total)}")
        layout.operator("align4d.cancel_fetch", icon="CANCEL")
        return
    if running and running.error:
        text.paragraph(layout, context, str(running.error), "ERROR")
    fixes.draw(layout, need.fix)
