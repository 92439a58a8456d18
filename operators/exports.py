"""Exports: the motion as files of other programs, through Blender's usual file dialog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import IntProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from ..align4d_blender.errors import UserError
from ..align4d_blender.storage import tags
from .telling import refuse, telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class _MotionExport(ExportHelper):
    """What the exports of meshes have in common: the frames, and an error as Blender's own report.

    Attributes:
        other_endings: of file names that are as good as `filename_ext`, which the others get.
    """

    check_extension = None
    other_endings: tuple[str, ...] = ()
    frame_start: IntProperty(name="First Frame", description="First frame to export", default=1)
    frame_end: IntProperty(name="Last Frame", description="Last frame to export", default=0)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Go back to Object Mode first")
            return False
        cls.poll_message_set("Select a mesh, or generate a motion first")
        return any(item.type == "MESH" for item in (*context.selected_objects, *tags.tagged()))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:  # type: ignore[override]  # its stub is wrong
        """Offers the frames of the motion."""
        try:
            self._set_range(context)
        except UserError as error:
            return refuse(self, error)
        return super().invoke(context, event)

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.export import motion as exports

        path = Path(bpy.path.abspath(self.filepath))
        if path.suffix.lower() not in (self.filename_ext, *self.other_endings):
            path = path.with_name(path.name + self.filename_ext)
        exports.check_folder(path)
        if self.frame_end < self.frame_start:
            self._set_range(context)
        said = self.export(context, exports.chosen_meshes(context), path)
        self.report({"INFO"}, said or f"Frames {self.frame_start} to {self.frame_end} are in {path.name}")
        return {"FINISHED"}

    def export(self, context: bpy.types.Context, items: list[bpy.types.Object], path: Path) -> str:
        """Writes the file; returns what to say, or "" for the usual. Raises UserError."""
        raise NotImplementedError

    def _set_range(self, context: bpy.types.Context) -> None:
        """The motion's own frames: the default in the file dialog, and for a script that names none."""
        from ..align4d_blender.export import motion as exports

        self.frame_start, self.frame_end = exports.play_range(exports.chosen_meshes(context), context.scene)


class ALIGN4D_OT_export_gltf(_MotionExport, bpy.types.Operator):
    """Export the motion as glTF: keyframes as bones with a skin, a point cache as one morph target a frame, of which some viewers show 8 only"""

    bl_idname = "align4d.export_gltf"
    bl_label = "Export glTF"
    filename_ext = ".glb"
    other_endings = (".gltf",)
    filter_glob: StringProperty(default="*.glb;*.gltf", options={"HIDDEN"})

    def export(self, context: bpy.types.Context, items: list[bpy.types.Object], path: Path) -> str:
        from ..align4d_blender.export import gltf

        gltf.export(context, items, self.frame_start, self.frame_end, path)
        return ""


class ALIGN4D_OT_export_alembic(_MotionExport, bpy.types.Operator):
    """Export the motion as Alembic, with every frame's vertices as they are"""

    bl_idname = "align4d.export_alembic"
    bl_label = "Export Alembic"
    filename_ext = ".abc"
    filter_glob: StringProperty(default="*.abc", options={"HIDDEN"})

    def export(self, context: bpy.types.Context, items: list[bpy.types.Object], path: Path) -> str:
        from ..align4d_blender.export import motion as exports

        first, last = self.frame_start, self.frame_end
        exports.with_blender(
            context,
            items,
            first,
            last,
            lambda: bpy.ops.wm.alembic_export(
                filepath=str(path),
                check_existing=False,
                start=first,
                end=last,
                selected=True,
                as_background_job=False,
                face_sets=True,  # which faces have which material
                apply_subdiv=True,  # else a subdivision that comes last is left out
                evaluation_mode="VIEWPORT",
            ),
        )
        return ""


class ALIGN4D_OT_export_usd(_MotionExport, bpy.types.Operator):
    """Export the motion as USD: keyframes as a skeleton with its skin, a point cache with every frame's vertices as they are"""

    bl_idname = "align4d.export_usd"
    bl_label = "Export USD"
    filename_ext = ".usdc"
    other_endings = (".usd", ".usda", ".usdz")
    filter_glob: StringProperty(default="*.usd;*.usdc;*.usda;*.usdz", options={"HIDDEN"})

    def export(self, context: bpy.types.Context, items: list[bpy.types.Object], path: Path) -> str:
        from ..align4d_blender.export import usd

        usd.export(context, items, self.frame_start, self.frame_end, path)
        return ""


class ALIGN4D_OT_export_fbx(_MotionExport, bpy.types.Operator):
    """Export the motion as FBX: keyframes as bones with a skin, a point cache as a bare mesh with a shape key a frame"""

    bl_idname = "align4d.export_fbx"
    bl_label = "Export FBX"
    filename_ext = ".fbx"
    filter_glob: StringProperty(default="*.fbx", options={"HIDDEN"})

    def export(self, context: bpy.types.Context, items: list[bpy.types.Object], path: Path) -> str:
        from ..align4d_blender.export import fbx

        fbx.export(context, items, self.frame_start, self.frame_end, path)
        return ""


class ALIGN4D_OT_export_bvh(_MotionExport, bpy.types.Operator):
    """Export the keyframes of the armature that moves the meshes as BVH: bones only, no mesh"""

    bl_idname = "align4d.export_bvh"
    bl_label = "Export BVH"
    filename_ext = ".bvh"
    filter_glob: StringProperty(default="*.bvh", options={"HIDDEN"})

    def export(self, context: bpy.types.Context, items: list[bpy.types.Object], path: Path) -> str:
        from ..align4d_blender.export import skeletal

        skeletal.bvh(context, items, self.frame_start, self.frame_end, path)
        return ""


class ALIGN4D_OT_export_obj(_MotionExport, bpy.types.Operator):
    """Export the motion as a sequence of OBJ files, one a frame"""

    bl_idname = "align4d.export_obj"
    bl_label = "Export OBJ Sequence"
    filename_ext = ".obj"
    filter_glob: StringProperty(default="*.obj", options={"HIDDEN"})

    def export(self, context: bpy.types.Context, items: list[bpy.types.Object], path: Path) -> str:
        from ..align4d_blender.export import motion as exports

        first, last = self.frame_start, self.frame_end
        exports.with_blender(
            context,
            items,
            first,
            last,
            lambda: bpy.ops.wm.obj_export(
                filepath=str(path), check_existing=False, export_animation=True, start_frame=first, end_frame=last, export_selected_objects=True
            ),
        )
        return f"{last - first + 1} files are beside {path.name}"


class ALIGN4D_OT_export_mdd(_MotionExport, bpy.types.Operator):
    """Export the motion as an MDD point cache: positions of the vertices only, for a mesh that the other program has already"""

    bl_idname = "align4d.export_mdd"
    bl_label = "Export MDD"
    filename_ext = ".mdd"
    filter_glob: StringProperty(default="*.mdd", options={"HIDDEN"})

    def export(self, context: bpy.types.Context, items: list[bpy.types.Object], path: Path) -> str:
        from ..align4d_blender.export import motion as exports

        fps = context.scene.render.fps / context.scene.render.fps_base
        files = exports.write_point_caches(
            context, items, self.frame_start, self.frame_end, path, lambda file, motion: exports.write_mdd(file, motion, fps)
        )
        return f"The motion is in {', '.join(file.name for file in files)}"


class ALIGN4D_OT_export_pc2(_MotionExport, bpy.types.Operator):
    """Export the motion as a PC2 point cache: positions of the vertices only, for a mesh that the other program has already"""

    bl_idname = "align4d.export_pc2"
    bl_label = "Export PC2"
    filename_ext = ".pc2"
    filter_glob: StringProperty(default="*.pc2", options={"HIDDEN"})

    def export(self, context: bpy.types.Context, items: list[bpy.types.Object], path: Path) -> str:
        from ..align4d_blender.export import motion as exports
        from ..engine.align4d import protocol

        first = float(self.frame_start)
        files = exports.write_point_caches(
            context, items, self.frame_start, self.frame_end, path, lambda file, motion: protocol.write_pc2(file, motion, first)
        )
        return f"The motion is in {', '.join(file.name for file in files)}"


class ALIGN4D_OT_export_gaussians(ExportHelper, bpy.types.Operator):
    """Export the Gaussians of the active object as a sequence of .ply files, as they stand in the scene"""

    bl_idname = "align4d.export_gaussians"
    bl_label = "Export Gaussian Sequence"
    filename_ext = ".ply"
    filter_glob: StringProperty(default="*.ply", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.gaussians import sequence_object
        from ..align4d_blender.result import gaussians

        item = context.active_object
        cls.poll_message_set("Select a Gaussian sequence, or a mesh that was generated with Write Gaussians")
        return item is not None and (sequence_object.shown_by(item) is not None or gaussians.are_there(item))

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.export import gaussians
        from ..align4d_blender.export import motion as exports

        path = Path(bpy.path.abspath(self.filepath))
        exports.check_folder(path)
        count = gaussians.export(context.scene, gaussians.source(context.active_object), path)
        self.report({"INFO"}, f"{count} files are beside {path.name}")
        return {"FINISHED"}


MESH_EXPORTS = (
    ALIGN4D_OT_export_gltf,
    ALIGN4D_OT_export_alembic,
    ALIGN4D_OT_export_usd,
    ALIGN4D_OT_export_fbx,
    ALIGN4D_OT_export_bvh,
    ALIGN4D_OT_export_obj,
    ALIGN4D_OT_export_mdd,
    ALIGN4D_OT_export_pc2,
)
CLASSES = (*MESH_EXPORTS, ALIGN4D_OT_export_gaussians)
