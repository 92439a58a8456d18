"""What the artist holds of a mesh: vertex groups, and so bones, that stand still or stay on the ground."""

from __future__ import annotations

import bpy
import numpy as np

from ..errors import UserError
from .bone_weights import group_weights
from .slices import Slices


def held_groups(item: bpy.types.Object) -> dict[str, str]:
    """The vertex groups of an object that are held, by the name of the array in a request. Raises UserError for one that is gone."""
    chosen = {"still": item.align4d.still, "ground": item.align4d.ground}
    for group in filter(None, chosen.values()):
        if group not in item.vertex_groups:
            raise UserError("group_gone", f"{item.name} has no vertex group {group}.", "Choose another one under Advanced, or none.")
    return {name: group for name, group in chosen.items() if group}


def held_arrays(item: bpy.types.Object, mesh: bpy.types.Mesh | None) -> Slices[dict[str, np.ndarray] | None]:
    """The arrays of `protocol.HELD_ARRAYS`; None where nothing is held.

    Args:
        mesh: as the artist sees it, with the vertex groups; None where modifiers have made it into one without.

    Raises: UserError where what is held cannot be found on the mesh.
    """
    groups = held_groups(item)
    if not groups:
        return None
    if mesh is None:
        message = f"A modifier of {item.name} takes its vertex groups away, and with them what is held."
        raise UserError("group_gone", message, "Apply that modifier, or hold nothing.")
    found = yield from group_weights(mesh, list(groups.values()))
    arrays = {name: np.zeros(len(mesh.vertices), np.float32) for name in ("still", "ground")}
    for name, (there, weight) in zip(groups, found, strict=True):
        arrays[name][there] = weight.clip(0, 1)
    return arrays
