"""How the mesh agrees with the clip's first frame, with the picture of both."""

from __future__ import annotations

import bpy

from ..align4d_blender.errors import UserError
from . import fixes, text

_PICTURE = 8.0
"""Height of the picture in lines."""


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The button, and below it what was found."""
    from ..align4d_blender.capture import first_frame_match

    if not context.scene.align4d.video:
        return
    if first_frame_match.under_way(context.scene):
        text.paragraph(layout, context, "Looking at the first frame…", "INFO")
        return
    layout.operator("align4d.match_first_frame", icon="IMAGE_REFERENCE")
    try:
        found = first_frame_match.found(context.scene)
    except UserError as error:
        fixes.draw_error(layout, context, error)
        return
    if found:
        layout.template_icon(icon_value=first_frame_match.icon(), scale=_PICTURE)
        text.paragraph(layout, context, found["sentence"], "CHECKMARK" if found["good"] else "ERROR")
