"""Inputs other than the video, chosen in the file browser, and choices of the panel set to what works: the repairs that errors offer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ..align4d_blender.storage import folders
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class _File:
    """Asks for a file, unless it is given, and takes it as an input of the scene.

    Attributes:
        setting: of the scene, which holds the path.
    """

    setting = ""
    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(cast(bpy.types.Operator, self))
        return {"RUNNING_MODAL"}

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        setattr(context.scene.align4d, self.setting, folders.stored_path(Path(self.filepath)))
        return {"FINISHED"}


class ALIGN4D_OT_use_image(_File, bpy.types.Operator):
    """Take this picture of the object as what the motion is made of"""

    bl_idname = "align4d.use_image"
    bl_label = "Use Image"
    bl_options = {"REGISTER", "UNDO"}
    setting = "image"
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})


class ALIGN4D_OT_use_gaussians(_File, bpy.types.Operator):
    """Take these Gaussians as what moves"""

    bl_idname = "align4d.use_gaussians"
    bl_label = "Use Gaussians"
    bl_options = {"REGISTER", "UNDO"}
    setting = "gaussian_asset"
    filter_glob: StringProperty(default="*.ply", options={"HIDDEN"})


class ALIGN4D_OT_use_prior_folder(bpy.types.Operator):
    """Take the multiview prior of the preset Paper from a folder of yours, which holds its model_index.json"""

    bl_idname = "align4d.use_prior_folder"
    bl_label = "Use Prior's Folder"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        context.scene.align4d.prior = str(Path(self.directory))  # of this computer, as models are: not of the .blend
        return {"FINISHED"}


class ALIGN4D_OT_use_draft(bpy.types.Operator):
    """Choose the draft preset, which takes the least memory and time"""

    bl_idname = "align4d.use_draft"
    bl_label = "Use Draft"
    bl_options = {"REGISTER", "UNDO"}

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        context.scene.align4d.preset = "draft"
        return {"FINISHED"}


class ALIGN4D_OT_clear_overrides(bpy.types.Operator):
    """Take away the single settings under Overrides"""

    bl_idname = "align4d.clear_overrides"
    bl_label = "Clear Overrides"
    bl_options = {"REGISTER", "UNDO"}

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        context.scene.align4d.overrides = ""
        return {"FINISHED"}


class ALIGN4D_OT_end_earlier(bpy.types.Operator):
    """Let the motion end earlier in the reference video"""

    bl_idname = "align4d.end_earlier"
    bl_label = "End Earlier"
    bl_options = {"REGISTER", "UNDO"}

    frames: IntProperty(name="Frames", description="How many frames the motion has at most", min=2, default=2, options={"SKIP_SAVE"})

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = context.scene.align4d
        settings.last = max(settings.first, 1) + self.frames - 1
        return {"FINISHED"}


CLASSES = (
    ALIGN4D_OT_use_image,
    ALIGN4D_OT_use_gaussians,
    ALIGN4D_OT_use_prior_folder,
    ALIGN4D_OT_use_draft,
    ALIGN4D_OT_clear_overrides,
    ALIGN4D_OT_end_earlier,
)
