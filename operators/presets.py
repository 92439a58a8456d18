"""Adds and removes presets of the choices in the panel."""

from __future__ import annotations

import bpy
from bl_operators.presets import AddPresetBase


class ALIGN4D_OT_preset_add(AddPresetBase, bpy.types.Operator):
    """Keep the present choices under a name, or remove a kept one"""

    bl_idname = "align4d.preset_add"
    bl_label = "Add Align4D Preset"
    preset_menu = "ALIGN4D_PT_presets"
    preset_defines = ["settings = bpy.context.scene.align4d"]
    preset_values = ["settings.preset", "settings.camera", "settings.solve_camera", "settings.form", "settings.seed", "settings.gaussians"]
    preset_subdir = "align4d"


CLASSES = (ALIGN4D_OT_preset_add,)
