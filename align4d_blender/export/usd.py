"""USD with the motion as a skeleton and a skin where it is keyframes, else as the vertices of every frame, by Blender's own exporter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from . import motion as exports
from . import skeletal

_KEYED: dict[str, Any] = {"export_armatures": True, "only_deform_bones": False}
"""A skeleton, its animation and the skin (UsdSkel)."""

_CACHED: dict[str, Any] = {"export_armatures": False, "export_subdivision": "TESSELLATE"}
"""In their place the vertices of every frame."""


def export(context: bpy.types.Context, items: Sequence[bpy.types.Object], first: int, last: int, path: Path) -> None:
    """Writes a .usdc, .usda, .usd or .usdz. Raises UserError; the scene stays as it was."""
    write, motion = (skeletal.write, _KEYED) if skeletal.are_keyed(items) else (exports.with_blender, _CACHED)
    write(
        context,
        items,
        first,
        last,
        lambda: bpy.ops.wm.usd_export(
            filepath=str(path),
            check_existing=False,
            selected_objects_only=True,
            export_animation=True,
            export_shapekeys=False,
            evaluation_mode="VIEWPORT",
            **motion,
        ),
    )
