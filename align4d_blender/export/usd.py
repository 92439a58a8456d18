"""USD with the motion as a skeleton and a skin where it is keyframes, else as the vertices of every frame, by Blender's own exporter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from . import motion as exports
from . import skeletal


def export(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, path: Path) -> None:
    """Writes a .usdc, .usda, .usd or .usdz. Raises UserError; the scene stays as it was."""
    if skeletal.are_keyed(items):
        skeletal.usd(context, items, first, last, path)
        return
    exports.with_blender(
        context,
        items,
        first,
        last,
        lambda: bpy.ops.wm.usd_export(
            filepath=str(path),
            check_existing=False,
            selected_objects_only=True,
            export_animation=True,
            export_armatures=False,  # in their place the vertices of every frame are written
            export_shapekeys=False,
            export_subdivision="TESSELLATE",
            evaluation_mode="VIEWPORT",
        ),
    )
