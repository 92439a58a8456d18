"""The results of the active object, how they are played, and the comparison with the video."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import bpy

from ..align4d_blender.result.active_mesh import mesh_meant
from ..align4d_blender.result.playback import active, scene_of, wanted_range
from ..align4d_blender.storage import tags
from ..align4d_blender.storage.remembered import remembered
from ..align4d_blender.storage.tags import HOLD
from . import form, text
from .rows import Rows


class ALIGN4D_UL_results(Rows, bpy.types.UIList):
    """The motions of an object."""

    bl_idname = "ALIGN4D_UL_results"

    def draw_row(self, _context: bpy.types.Context, row: bpy.types.UILayout, item: Any) -> None:
        row.prop(item, "name", text="", emboss=False, icon="ANIM")


class ALIGN4D_PT_result(bpy.types.Panel):
    """What Align4D has added to the active object, or to this file, and how to take it away."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_result"
    bl_label = "Result"
    bl_order = 2

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(tags.tagged())

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        item = mesh_meant(context.active_object)
        result = active(item)
        if item is not None and item.type == "EMPTY" and _is_choice(item):
            layout.operator("align4d.use_this_one", icon="CHECKMARK")
            return
        if item is None or result is None:
            text.paragraph(layout, context, "Select an object with a motion: " + ", ".join(sorted(_animated())), "INFO")
            return
        _draw_choice(layout, context, item, result)
        _draw_playback(layout, context, item, result)
        form.draw(layout, item, result)
        layout.operator("align4d.bake_shape_keys", icon="SHAPEKEY_DATA")
        layout.operator("align4d.remove_result", icon="TRASH")


class ALIGN4D_PT_comparison(bpy.types.Panel):
    """The solved camera, and the clip behind or beside the mesh."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Align4D"
    bl_idname = "ALIGN4D_PT_comparison"
    bl_parent_id = "ALIGN4D_PT_result"
    bl_label = "Compare with the Video"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active(context.active_object) is not None

    def draw(self, context: bpy.types.Context) -> None:
        from ..align4d_blender.result.solved_camera import cameras

        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.operator("align4d.look_through", icon="VIEW_CAMERA")
        layout.operator("align4d.side_by_side", icon="SCREEN_BACK")
        for camera in cameras(active(context.active_object).job)[:1]:
            lens = cast(bpy.types.Camera, camera.data)
            layout.prop(lens, "show_background_images", text="Clip")
            for background in lens.background_images[:1]:
                layout.prop(background, "alpha")
                layout.row().prop(background, "display_depth", expand=True)


def _is_choice(empty: bpy.types.Object) -> bool:
    from ..align4d_blender.result import beside

    return beside.owner(empty) is not None


def _is_laid_out(item: bpy.types.Object) -> bool:
    from ..align4d_blender.result import beside

    return bool(beside.of(item))


def _animated() -> set[str]:
    return {item.name for item in tags.tagged() if item.align4d.results}


@remembered
def _is_there(item: bpy.types.Object, motion: str) -> bool:
    from ..align4d_blender.storage import paths

    return any(file.is_file() for file in paths.candidates(item, motion))


def _draw_choice(layout: bpy.types.UILayout, context: bpy.types.Context, item: bpy.types.Object, result: Any) -> None:
    """Which motion, and whether its file is there."""
    from ..align4d_blender.capture.simulations import simulations
    from ..align4d_blender.result import placing

    layout.template_list("ALIGN4D_UL_results", "", item.align4d, "results", item.align4d, "active", rows=2)
    row = layout.row(align=True)
    row.operator("align4d.variations", icon="DUPLICATE")
    row.operator("align4d.all_side_by_side", icon="COLLAPSEMENU", depress=_is_laid_out(item))
    if not _is_there(item, result.motion):
        text.paragraph(layout, context, f"Its file is gone: {Path(result.motion).name}", "ERROR")
    hindrance = placing.hindrance(item)
    if hindrance:
        text.paragraph(layout, context, hindrance, "ERROR")
    for sentence in (*simulations(item), *placing.sharing_keys(item)):
        text.paragraph(layout, context, sentence, "INFO")
    if result.after:
        text.paragraph(layout, context, f"It comes after {result.after}: what that does to the mesh is replaced", "INFO")
    if placing.is_held(item):
        text.paragraph(layout, context, f"{item.name} is held where it was: move {HOLD} to move it", "INFO")


def _draw_playback(layout: bpy.types.UILayout, context: bpy.types.Context, item: bpy.types.Object, result: Any) -> None:
    """When, from where to where, how fast, how strongly."""
    column = layout.column()
    column.active = not item.align4d.muted
    column.prop(result, "start")
    row = column.row(align=True)
    row.prop(result, "first", text="Play")
    row.prop(result, "last", text="")
    column.prop(result, "speed")
    scene = scene_of(item)
    wanted = wanted_range(item, scene)
    if wanted != (scene.frame_start, scene.frame_end):
        text.paragraph(layout, context, f"The motion takes frames {wanted[0]} to {wanted[1]}, the scene ends sooner or begins later", "INFO")
        layout.operator("align4d.set_range", icon="PREVIEW_RANGE")
    cache = tags.point_cache(item)
    if cache and result.form == "CACHE":
        column.prop(cache, "factor", text="Strength", slider=True)
    layout.prop(item.align4d, "muted")


CLASSES = (*form.CLASSES, ALIGN4D_UL_results, ALIGN4D_PT_result, ALIGN4D_PT_comparison)
