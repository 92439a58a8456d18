"""Gaussians: opens a sequence of .ply files, plays it anew, and says what of a result is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.props import EnumProperty, FloatProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from ..align4d_blender import compat
from ..align4d_blender.storage import tags
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_open_gaussians(ImportHelper, bpy.types.Operator):
    """Show a sequence of .ply files of 3D Gaussian splatting, one file a frame. Choose any of its files"""

    bl_idname = "align4d.open_gaussians"
    bl_label = "Open Gaussian Sequence"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".ply"
    filter_glob: StringProperty(default="*.ply", options={"HIDDEN"})
    fps: FloatProperty(name="Files per Second", description="How fast they play; 0 is one file a frame", min=0.0, default=0.0)

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.gaussians import sequence_object
        from ..align4d_blender.gaussians.files import sequence_of

        scene, file = context.scene, Path(bpy.path.abspath(self.filepath)).resolve()
        rate = self.fps or scene.render.fps / scene.render.fps_base
        sequence = sequence_of(file)
        item = sequence_object.add_playing(scene, sequence, file.stem.rstrip("0123456789_-. ") or "Gaussians", scene.frame_start, rate)
        for other in context.selected_objects:
            other.select_set(False)
        item.select_set(True)
        context.view_layer.objects.active = item
        self.report({"INFO"}, f"{sequence.count} files from frame {scene.frame_start} on")
        return {"FINISHED"}


class ALIGN4D_OT_bake_gaussians(bpy.types.Operator):
    """Write the Gaussians down again for this Blender, after the start or the speed was changed or the files are others"""

    bl_idname = "align4d.bake_gaussians"
    bl_label = "Bake Again"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.gaussians import sequence_object

        return not compat.NODES_READ_PLY and sequence_object.shown_by(context.active_object) is not None

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.gaussians import sequence_object

        sequence_object.play(context.active_object)
        return {"FINISHED"}


class ALIGN4D_OT_show_result_as(bpy.types.Operator):
    """Show the selected results (all of them when none is selected) as the mesh, as Gaussians, or as both"""

    bl_idname = "align4d.show_result_as"
    bl_label = "Show Result As"
    bl_options = {"REGISTER", "UNDO"}

    what: EnumProperty(
        name="Show",
        items=(
            ("MESH", "Mesh", "Your own mesh, with its materials and your lights"),
            ("GAUSSIANS", "Gaussians", "The Gaussians, in the colors and the light of the video"),
            ("BOTH", "Both", "One in the other"),
        ),
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.result import gaussians

        return any(gaussians.are_there(item) for item in tags.tagged())

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import gaussians

        jobs = {item.align4d.job or item.align4d_gaussians.job for item in context.selected_objects} - {""}
        meshes = [item for item in tags.tagged() if gaussians.are_there(item)]
        gaussians.show([item for item in meshes if not jobs or item.align4d.job in jobs], self.what)
        return {"FINISHED"}


class ALIGN4D_OT_standard_view(bpy.types.Operator):
    """Use the view transform Standard, in which Gaussians have the colors of their pictures. It changes how the whole scene looks"""

    bl_idname = "align4d.standard_view"
    bl_label = "Use Standard View Transform"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.gaussians import sequence_object

        return not sequence_object.colors_are_true(context.scene)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        cast(Any, context.scene.view_settings).view_transform = "Standard"  # which there are depends on the color configuration
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_open_gaussians, ALIGN4D_OT_bake_gaussians, ALIGN4D_OT_show_result_as, ALIGN4D_OT_standard_view)
