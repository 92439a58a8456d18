"""Remove Result: takes the motion and the camera away again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..align4d_blender.result import results
from ..align4d_blender.storage import tags

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_remove_result(bpy.types.Operator):
    """Take the motion that is played off the selected objects (off all objects when none of the selected has one), together with its camera"""

    bl_idname = "align4d.remove_result"
    bl_label = "Remove Result"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(tags.tagged())

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        chosen = [item for item in context.selected_objects if item.align4d.job]
        played = results.jobs_of(chosen or tags.tagged())
        for job in played:
            results.remove(job)
        self.report({"INFO"}, f"Removed {len(played)} result{'s' if len(played) > 1 else ''}")
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_remove_result,)
