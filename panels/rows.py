"""Lists with a row for each entry."""

from __future__ import annotations

from typing import Any

import bpy


class Rows:
    """Mixed into a list, which draws its entries by `draw_row` alone: Blender counts the arguments of `draw_item`, and most lists need none."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
        _index: int = 0,
        _flag: int = 0,
    ) -> None:
        self.draw_row(context, layout.row(align=True), item)

    def draw_row(self, context: bpy.types.Context, row: bpy.types.UILayout, item: Any) -> None:
        """Draws an entry."""
        raise NotImplementedError
