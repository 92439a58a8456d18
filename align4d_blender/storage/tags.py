"""Which objects of the open file belong to results."""

from __future__ import annotations

import bpy

MODIFIER = "Align4D"
"""Name of the point cache among an object's modifiers."""

HOLD = "Align4D Hold"
"""Name of the constraints that hold an object in its place, and of the empty that moves what is held."""


def tagged() -> list[bpy.types.Object]:
    """Every object that belongs to a result."""
    return [item for item in bpy.data.objects if item.align4d.job]


def point_cache(item: bpy.types.Object) -> bpy.types.MeshCacheModifier | None:
    """The modifier that plays an object's result."""
    modifier: bpy.types.Modifier | None = item.modifiers.get(MODIFIER)
    return modifier if isinstance(modifier, bpy.types.MeshCacheModifier) else None
