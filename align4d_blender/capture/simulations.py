"""What goes on moving a mesh whatever holds it, and is said before the job and beside its result."""

from __future__ import annotations

import bpy

_SIMULATING = {"CLOTH", "EXPLODE", "OCEAN", "SOFT_BODY"}
"""Types of modifiers that no point cache before them, and no constraint, keeps still."""


def simulations(item: bpy.types.Object) -> list[str]:
    """A sentence for each, with what to do; cheap enough to be asked at every redraw."""
    found = [modifier.name for modifier in item.modifiers if modifier.type in _SIMULATING and modifier.show_viewport]
    if item.rigid_body and item.rigid_body.type == "ACTIVE":
        found.append("The rigid body")
    return [f"{name} of {item.name} goes on simulating, on top of the motion: apply it, or turn it off" for name in found]
