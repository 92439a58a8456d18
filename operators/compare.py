"""Looking at a result as the video did: through the solved camera, and beside the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import bpy

from ..align4d_blender.result.playback import active

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


def _job(context: bpy.types.Context) -> str:
    """The result that the active object plays, or the last one of the file; empty where there is none with a camera."""
    from ..align4d_blender.result import solved_camera

    own = active(context.active_object)
    solved = [item.align4d.job for item in bpy.data.objects if item.align4d.id == solved_camera.SOLVED]
    if own and own.job in solved:
        return own.job
    return solved[-1] if solved else ""


class ALIGN4D_OT_look_through(bpy.types.Operator):
    """Look through the solved camera in this view, with the video behind the mesh. The scene's own camera stays the one that renders"""

    bl_idname = "align4d.look_through"
    bl_label = "Look Through Camera"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return isinstance(context.space_data, bpy.types.SpaceView3D) and bool(_job(context))

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import solved_camera

        solved_camera.look_through(solved_camera.cameras(_job(context))[0], cast(bpy.types.SpaceView3D, context.space_data))
        return {"FINISHED"}


class ALIGN4D_OT_side_by_side(bpy.types.Operator):
    """Show the motion and the video side by side in two views; once more closes the second view"""

    bl_idname = "align4d.side_by_side"
    bl_label = "Side by Side"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return isinstance(context.space_data, bpy.types.SpaceView3D) and bool(_job(context))

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import comparison

        if comparison.clip_areas(context.screen):
            comparison.close_side_by_side(context)
        else:
            comparison.open_side_by_side(context, _job(context))
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_look_through, ALIGN4D_OT_side_by_side)
