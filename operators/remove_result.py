"""Remove Result: takes the motion and the camera away again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty

from ..align4d_blender.storage import tags

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_WIDTH = 480
"""Of the question [px]."""

_LETTERS = 75
"""Of its lines."""


class ALIGN4D_OT_remove_result(bpy.types.Operator):
    """Take the motion that is played off the selected objects (off all objects when none of the selected has one). Asks what becomes of its files"""

    bl_idname = "align4d.remove_result"
    bl_label = "Remove Result"
    bl_options = {"REGISTER", "UNDO"}

    with_files: BoolProperty(
        name="Move Files to Align4D's Trash",
        description="When the .blend is saved, files that nothing else plays go to the trash beside them, until you empty it",
        default=False,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(tags.tagged())

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Says what goes and what stays."""
        from ..align4d_blender.result import removal

        self._found = removal.chosen(context.selected_objects)
        self.with_files = any(one.size for one in self._found)
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH)

    def draw(self, _context: bpy.types.Context) -> None:
        import textwrap

        column = self.layout.column()
        for one in self._found:
            for line in textwrap.wrap(one.sentence, _LETTERS):
                column.label(text=line)
        if any(one.size for one in self._found):
            column.prop(self, "with_files")

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import removal

        found = removal.chosen(context.selected_objects)
        removal.take_away(found, self.with_files)
        self.report({"INFO"}, f"Removed {len(found)} result{'s' if len(found) > 1 else ''}")
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_remove_result,)
