"""Object > Align4D: where F3 finds the operators, and where they are without the sidebar."""

from __future__ import annotations

import bpy

from ..operators.exports import CLASSES as EXPORTS


class ALIGN4D_MT_object(bpy.types.Menu):
    """What Align4D does with the selected objects."""

    bl_idname = "ALIGN4D_MT_object"
    bl_label = "Align4D"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("align4d.use_video", icon="FILE_MOVIE")
        layout.operator("align4d.generate", icon="PLAY")
        layout.operator("align4d.resume", icon="FILE_REFRESH")
        layout.operator("align4d.cancel", icon="CANCEL")
        layout.separator()
        layout.operator("align4d.look_through", icon="VIEW_CAMERA")
        layout.operator("align4d.side_by_side", icon="SCREEN_BACK")
        layout.operator("align4d.bake_shape_keys", icon="SHAPEKEY_DATA")
        layout.operator("align4d.remove_result", icon="TRASH")
        layout.separator()
        layout.operator("align4d.open_gaussians", icon="FILEBROWSER")
        layout.operator("align4d.standard_view", icon="COLOR")
        for export in EXPORTS:
            layout.operator(export.bl_idname, icon="EXPORT")


class ALIGN4D_MT_clips(bpy.types.Menu):
    """A movie or an image sequence that this file has already, in the sequencer, as a movie clip or as an image"""

    bl_idname = "ALIGN4D_MT_clips"
    bl_label = "Clips of This File"

    def draw(self, context: bpy.types.Context) -> None:
        from ..align4d_blender.capture.clips import clips_of

        clips = clips_of(context.scene)
        for clip in clips:
            entry = self.layout.operator("align4d.use_video", text=clip.name, icon="FILE_MOVIE")
            entry.filepath, entry.first, entry.last = bpy.path.abspath(clip.path), clip.first, clip.last
        if not clips:
            self.layout.label(text="No clip in this file")


class ALIGN4D_FH_video(bpy.types.FileHandler):
    """A video that is dropped onto a 3D view becomes the reference."""

    bl_idname = "ALIGN4D_FH_video"
    bl_label = "Align4D Reference Video"
    bl_import_operator = "align4d.use_video"
    bl_file_extensions = ".mp4;.mov;.webm;.mkv;.avi;.m4v"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


def _draw_in_object_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu(ALIGN4D_MT_object.bl_idname)


def attach() -> None:
    """Puts the menu into Object."""
    bpy.types.VIEW3D_MT_object.append(_draw_in_object_menu)


def detach() -> None:
    """Takes it out again."""
    bpy.types.VIEW3D_MT_object.remove(_draw_in_object_menu)


CLASSES = (ALIGN4D_MT_object, ALIGN4D_MT_clips, ALIGN4D_FH_video)
