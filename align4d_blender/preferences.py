"""The extension's preferences: which Python runs the engine, on which device."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import bpy
from bpy.props import EnumProperty, StringProperty

from . import EXTENSION
from .errors import UserError

ENGINE_FOLDER = Path(__file__).resolve().parent.parent / "engine"
"""The engine is run from the extension's own folder, so that the two never differ in version."""


class Align4DPreferences(bpy.types.AddonPreferences):
    """Edit > Preferences > Add-ons > Align4D."""

    bl_idname = EXTENSION

    engine_python: StringProperty(
        name="Engine Python",
        description="The Python program of the engine's own environment (python.exe on Windows, bin/python elsewhere)",
        subtype="FILE_PATH",
    )
    device: EnumProperty(
        name="Device",
        description="What the engine computes on",
        items=(
            ("auto", "Automatic", "The graphics card where there is a usable one, else the processor"),
            ("cuda", "NVIDIA GPU", "An NVIDIA graphics card (CUDA)"),
            ("cpu", "Processor", "No graphics card needed"),
        ),
        default="auto",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "engine_python")
        try:
            engine_python(self)
        except UserError as error:
            layout.label(text=error.message, icon="ERROR")
        layout.prop(self, "device")


CLASSES = (Align4DPreferences,)


def get() -> Align4DPreferences:
    """The preferences of the enabled extension."""
    return cast(Align4DPreferences, bpy.context.preferences.addons[EXTENSION].preferences)


def engine_python(preferences: Align4DPreferences) -> Path:
    """The interpreter that runs the engine. Raises UserError where none is set or it is gone."""
    advice = "Set Engine Python in Edit > Preferences > Add-ons > Align4D."
    if not preferences.engine_python:
        raise UserError("engine_missing", "Align4D does not know where its engine is.", advice)
    path = Path(bpy.path.abspath(preferences.engine_python))
    if not path.is_file():
        raise UserError("engine_missing", f"There is no program at {path}.", advice)
    return path
