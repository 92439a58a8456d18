"""The reference video: the file that was dropped onto a 3D view, or chosen in the file browser; and the frames of it that count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import IntProperty, StringProperty

from ..align4d_blender.storage import folders
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_use_video(bpy.types.Operator):
    """Take this video as the reference of the motion"""

    bl_idname = "align4d.use_video"
    bl_label = "Use as Reference Video"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="Video", description="A movie, or one image of a sequence", subtype="FILE_PATH", options={"SKIP_SAVE"})
    first: IntProperty(name="First", description="First frame to use, counted from 1; 0 starts at the beginning", min=0, options={"SKIP_SAVE"})
    last: IntProperty(name="Last", description="Last frame to use, counted from 1; 0 goes up to the end", min=0, options={"SKIP_SAVE"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        if self.filepath:  # dropped, or chosen from a menu
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = context.scene.align4d
        settings.video = folders.stored_path(Path(self.filepath))
        settings.first, settings.last = self.first, self.last
        if isinstance(context.space_data, bpy.types.SpaceView3D):
            context.space_data.show_region_ui = True
        self.report({"INFO"}, f"{Path(self.filepath).name} is the reference video")
        return {"FINISHED"}


class ALIGN4D_OT_start_later(bpy.types.Operator):
    """Let the motion begin at a later frame of the reference video"""

    bl_idname = "align4d.start_later"
    bl_label = "Start Later"
    bl_options = {"REGISTER", "UNDO"}

    by: IntProperty(name="Frames", description="How many frames later; 0 uses the whole video", min=0, default=0, options={"SKIP_SAVE"})

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = context.scene.align4d
        if self.by:
            settings.first = max(settings.first, 1) + self.by
        else:
            settings.first = settings.last = 0
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_use_video, ALIGN4D_OT_start_later)
