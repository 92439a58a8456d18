"""Which mesh an artist means who has chosen a mesh, or the armature that moves it."""

from __future__ import annotations

import bpy


def mesh_meant(item: bpy.types.Object | None) -> bpy.types.Object | None:
    """The animated mesh that hangs on an armature, if any does; anything else means itself."""
    if item is None or item.type != "ARMATURE":
        return item
    from . import hand  # brings numpy in: Blender starts sooner without it

    return hand.mesh_of(item)
