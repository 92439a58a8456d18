"""Edit > Preferences > Add-ons > Align4D."""

from __future__ import annotations

import bpy

from ..align4d_blender import EXTENSION
from ..align4d_blender.runtime.preferences import EngineChoices
from . import engine, models


class Align4DPreferences(EngineChoices, bpy.types.AddonPreferences):
    """The extension's preferences, section by section."""

    bl_idname = EXTENSION

    def draw(self, context: bpy.types.Context) -> None:
        engine.draw_engine(self.layout.box(), context)
        engine.draw_doctor(self.layout.box().column(), context)
        models.draw(self.layout.box().column(), context)


CLASSES = (Align4DPreferences,)
