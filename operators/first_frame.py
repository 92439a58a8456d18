"""The picture for a video generator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy_extras.io_utils import ExportHelper

from ..align4d_blender.errors import write_error
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

PROMPT = 'In its prompt say "static camera, plain white background, the whole body in the picture", and what moves'


class ALIGN4D_OT_render_first_frame(ExportHelper, bpy.types.Operator):
    """Render the selected meshes from the scene's camera before white, as the picture that a video generator makes a clip of.
    A clip that begins so is in the mesh's own pose, look and view"""

    bl_idname = "align4d.render_first_frame"
    bl_label = "Render First Frame"
    bl_options = {"REGISTER"}

    filename_ext = ".png"
    filter_glob: bpy.props.StringProperty(default="*.png", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.capture.choices import selected_meshes

        if context.scene.camera is None:
            cls.poll_message_set("The scene has no camera")
            return False
        if not selected_meshes(context):
            cls.poll_message_set("Select the mesh that the video is to show")
            return False
        return True

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.capture.first_frame import render_first_frame

        path = Path(bpy.path.abspath(self.filepath))
        try:
            width, height = render_first_frame(context, path)
        except OSError as error:
            raise write_error(error) from error
        self.report({"INFO"}, f"{path.name}: {width} x {height}. Give it to a video generator. {PROMPT}")
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_render_first_frame,)
