"""Files of the open .blend: collecting those that lie elsewhere, and emptying the trash of removed results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..align4d_blender.storage import folders
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class ALIGN4D_OT_collect_files(bpy.types.Operator):
    """Copy motions, Gaussians, videos and pictures that lie elsewhere into the align4d folder beside this .blend, and use the copies"""

    bl_idname = "align4d.collect_files"
    bl_label = "Collect Files"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        cls.poll_message_set("Save the .blend first")
        return bool(bpy.data.filepath)

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import collecting

        done, gone = collecting.collect()
        if gone:
            self.report({"WARNING"}, f"{done} paths lead beside this .blend now; what {gone} others lead to is not there")
        else:
            self.report({"INFO"}, f"{done} paths lead beside this .blend now: save it" if done else "Everything lies beside this .blend")
        return {"FINISHED"}


class ALIGN4D_OT_empty_trash(bpy.types.Operator):
    """Delete removed results for good: those of .blend files in this folder, and of files that were never saved"""

    bl_idname = "align4d.empty_trash"
    bl_label = "Empty Align4D's Trash"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        from ..align4d_blender.storage import trash

        return trash.count(bpy.data.filepath) > 0

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        from ..align4d_blender.storage import trash

        found = trash.content(folders.places())
        size = sum(trash.size(folder) for folder in found) / 1e6
        message = f"Delete {len(found)} removed result{'s' if len(found) > 1 else ''} ({size:.1f} MB) for good?"
        return context.window_manager.invoke_confirm(self, event, title="Empty Align4D's Trash", message=message, confirm_text="Delete")

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.storage import trash

        count = trash.empty(folders.places())
        self.report({"INFO"}, f"Deleted {count} removed result{'s' if count > 1 else ''}")
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_collect_files, ALIGN4D_OT_empty_trash)
