"""What the artist starts from, and what the engine would do with it: drawn in the sidebar before anything runs."""

from __future__ import annotations

import bpy

from ..align4d_blender import EXTENSION
from ..align4d_blender.errors import UserError
from . import fixes, text


def draw_switch(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The one switch: from what, and what moves."""
    settings = context.scene.align4d
    column = layout.column()
    column.prop(settings, "given")
    column.prop(settings, "asset")


def draw_choices(layout: bpy.types.UILayout, context: bpy.types.Context, missing: dict[str, str]) -> None:
    """Text, image and Gaussians, where the switch asks for them."""
    settings = context.scene.align4d
    column = layout.column()
    if settings.asset == "GAUSSIANS":
        _prop(column, context, "gaussian_asset", missing)
    if settings.given == "IMAGE":
        _prop(column, context, "image", missing)
    if settings.given != "VIDEO":
        _prop(column, context, "prompt", missing)


def draw_plan(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What would be generated, by which model, and what is missing for it; nothing where nothing has to be."""
    from ..align4d_blender.capture import choices
    from ..align4d_blender.jobs import plan

    if not choices.plan_arguments(context):
        return
    box = layout.box().column()
    try:
        found = plan.plan(context)
    except UserError as error:
        fixes.draw_error(box, context, error)
        box.operator("align4d.show_plan", icon="FILE_REFRESH")
        return
    if found is None:
        if plan.planning(context):
            text.paragraph(box, context, "Looking what this takes…", "INFO")
        else:
            box.operator("align4d.show_plan", icon="VIEWZOOM")
        return
    for step in found["steps"]:
        words = f"{step['product'].capitalize()} of {step['source']}: {step['sentence']}"
        text.paragraph(box, context, words, "CHECKMARK" if step["ready"] else "ERROR")
    for note in found["notes"]:
        text.paragraph(box, context, note, "INFO")
    if not found["ready"]:
        box.operator("preferences.addon_show", text="Get Models", icon="IMPORT").module = EXTENSION


def _prop(layout: bpy.types.UILayout, context: bpy.types.Context, name: str, missing: dict[str, str]) -> None:
    layout.prop(context.scene.align4d, name)
    if name in missing:
        text.paragraph(layout, context, missing[name], "ERROR")
