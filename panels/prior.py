"""The multiview prior of the preset Paper: which one, what its license says, and what it takes."""

from __future__ import annotations

import bpy

from ..align4d_blender.errors import UserError
from . import fixes, models, text

ANY_FOLDER = "A folder: its license is the one on its publisher's page; the published priors take 7 to 8 GB of GPU memory"


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The choice, and below it what there is to know of what is chosen."""
    from ..align4d_blender.runtime import models as library

    chosen = context.scene.align4d.prior
    column = layout.column()
    row = column.row(align=True)
    row.prop(context.scene.align4d, "prior")
    row.operator("align4d.use_prior_folder", text="", icon="FILE_FOLDER")
    try:
        found = {model["id"]: model for model in library.known() if model["role"] == library.PRIOR}
    except UserError as error:
        fixes.draw_error(column, context, error)
        return
    if not found:
        column.operator("align4d.look_for_models", text="Looking…" if library.looking() else "Show Models", icon="VIEWZOOM")
    if not chosen:
        text.paragraph(column, context, "The built-in prior; no GPU needed", "INFO")
    elif chosen in found:
        models.draw_terms(column, context, found[chosen])
        models.draw_next(column, found[chosen])
    else:
        text.paragraph(column, context, ANY_FOLDER, "INFO")
