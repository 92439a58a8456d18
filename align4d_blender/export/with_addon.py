"""What FBX and glTF have in common: an add-on of Blender writes them, as bones where the motion is keyframes, else as shape keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy

from ..errors import UserError
from . import motion as exports
from . import skeletal
from .twins import twins

Keyed = Callable[[bpy.types.Context, Sequence[bpy.types.Object], int, int, Path], None]
"""Writes the bones with their animation, as `skeletal` does."""


def export(
    name: str,
    keyed: Keyed,
    shapes: Callable[[], Any],
    context: bpy.types.Context,
    items: Sequence[bpy.types.Object],
    first: int,
    last: int,
    path: Path,
) -> None:
    """Writes a file. Raises UserError "no_fbx" or "no_gltf" where the add-on is off, and what exporters raise; the scene stays as it was.

    Args:
        name: "FBX" or "glTF".
        keyed: writes a motion that is keyframes.
        shapes: writes the scene of twins, whose motion is shape keys.
    """
    if not hasattr(bpy.types, f"EXPORT_SCENE_OT_{name.lower()}"):
        advice = "Switch it on in Edit > Preferences > Add-ons, or export Alembic or USD."
        raise UserError(f"no_{name.lower()}", f"Blender's {name} add-on is switched off.", advice)
    if skeletal.are_keyed(items):
        keyed(context, items, first, last, path)
        return
    with twins(context, items, first, last):
        exports.checked(shapes)
