"""The preset menu in the panel's header: an artist's own combinations of the choices, kept the way Blender keeps its own."""

from __future__ import annotations

import bpy
from bl_ui.utils import PresetPanel


class ALIGN4D_PT_presets(PresetPanel, bpy.types.Panel):
    """Saved choices."""

    bl_label = "Align4D Presets"
    preset_subdir = "align4d"
    preset_operator = "script.execute_preset"
    preset_add_operator = "align4d.preset_add"


CLASSES = (ALIGN4D_PT_presets,)
