"""Cancel: stops the running job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..align4d_blender import jobs

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_cancel(bpy.types.Operator):
    """Stop the running job; the scene stays as it is"""

    bl_idname = "align4d.cancel"
    bl_label = "Cancel"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        job = jobs.current()
        return job is not None and not job.ended

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        jobs.cancel()
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_cancel,)
