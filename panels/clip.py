"""What is to be said of the chosen clip, and what it still needs, below the field where it is chosen."""

from __future__ import annotations

import bpy

from ..align4d_blender.errors import UserError
from . import fixes, text


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What is bad about the clip, and what it takes to cut the object out, each with its button."""
    _draw_report(layout, context)
    _draw_need(layout, context)


def _draw_report(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What the engine found; as long as nobody has asked the button. What is said of the background stands below, with what it takes."""
    from ..align4d_blender.capture import clip_report

    if not context.scene.align4d.video:
        return
    try:
        findings = clip_report.report(context.scene)
    except UserError as error:
        fixes.draw_error(layout, context, error)
        return
    if findings is None:
        if clip_report.under_way(context.scene):
            text.paragraph(layout, context, "Looking at the clip…", "INFO")
        else:
            layout.operator("align4d.check_clip", icon="VIEWZOOM")
        return
    bad = [one for one in findings if not one["good"] and one["code"] != "background"]
    for one in bad:
        text.paragraph(layout, context, one["sentence"], "ERROR")
        fixes.draw(layout, one["fix"])
    if not bad:
        length = next(one["sentence"] for one in findings if one["code"] == "length")
        text.paragraph(layout, context, f"Clip checked: {length}", "CHECKMARK")


def _draw_need(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
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
        fixes.draw_error(layout, context, error)
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
