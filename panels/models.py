"""The models in the preferences: which there are, what they take, and the buttons that get and remove them."""

from __future__ import annotations

from typing import Any

import bpy

from ..align4d_blender.errors import UserError
from . import fixes, text

_ROLES = {
    "text_to_image": "Text to Image",
    "image_to_video": "Image to Video",
    "image_to_3d": "Image to 3D",
    "image_to_text": "Image to Text",
    "masks": "Masks of Any Background",
    "multiview_prior": "Multiview Priors of the Preset Paper",
}
"""The engine's roles in an artist's words; another one is shown by its own name."""


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """All models, by what they do."""
    from ..align4d_blender.runtime import models

    row = layout.row()
    row.label(text="Models")
    row.operator("align4d.look_for_models", text="Looking…" if models.looking() else "Look", icon="VIEWZOOM")
    text.paragraph(layout, context, "A video and a mesh need none of them", "INFO")
    try:
        found = models.known()
    except UserError as error:
        fixes.draw_error(layout, context, error)
        return
    for role in dict.fromkeys(model["role"] for model in found):
        column = layout.box().column()
        column.label(text=_ROLES.get(role, role))
        for model in found:
            if model["role"] == role:
                _draw_model(column, context, model)
    _draw_failure(layout, context)


def _draw_model(layout: bpy.types.UILayout, context: bpy.types.Context, model: dict[str, Any]) -> None:
    from ..align4d_blender.runtime import models

    running = models.fetching
    if running and running.model == model["id"] and not running.ended:
        layout.progress(factor=running.done / max(running.total, 1), text=f"{model['name']}: {text.size(running.done)} of {text.size(running.total)}")
        layout.operator("align4d.cancel_fetch", icon="CANCEL")
        return
    row = layout.row()
    row.label(text=model["name"], icon="CHECKMARK" if model["there"] else "BLANK1")
    if not model["source"]:
        row.label(text="built in")
        return
    draw_next(row, model)
    if model["accepted"] and model["there"]:
        row.operator("align4d.remove_model", icon="TRASH").model = model["id"]
    elif model["accepted"]:
        row.operator("align4d.use_model", icon="FILE_FOLDER").model = model["id"]
    draw_terms(layout, context, model)


def draw_next(layout: bpy.types.UILayout, model: dict[str, Any]) -> None:
    """The button for what a model needs next: its license accepted, or fetching; none where it is there."""
    if not model["accepted"]:
        layout.operator("align4d.accept_license", icon="ERROR").model = model["id"]
    elif not model["there"]:
        layout.operator("align4d.fetch_model", text=f"Fetch {text.size(model['size_on_disk'])}", icon="IMPORT").model = model["id"]


def draw_terms(layout: bpy.types.UILayout, context: bpy.types.Context, model: dict[str, Any]) -> None:
    """A model's license and memory."""
    limits = ", limits commercial use" if model["non_commercial"] else ""
    if not model["memory"]:
        text.paragraph(layout, context, f"{model['license']}{limits}; no GPU needed", "INFO")
        return
    memory = f"{text.size(model['memory'])} of GPU memory, at least {text.size(model['memory_offloaded'])}"
    text.paragraph(layout, context, f"{model['license']}{limits}; {memory}", "ERROR" if model["non_commercial"] else "INFO")


def _draw_failure(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Why the last fetching broke off, or the last change was not made."""
    from ..align4d_blender.runtime import models

    for error in (models.fetching.error if models.fetching else None, models.refused):
        if error:
            fixes.draw_error(layout, context, error)
