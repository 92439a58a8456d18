"""Every difference between Blender 4.2 and 5.2 that the extension meets, and nothing else."""

from __future__ import annotations

import bpy

RELATIVE_PATH: set[str] = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
"""Options of a path property that may start with "//"; from 4.5 on Blender wants to be told."""


def material_tree(material: bpy.types.Material) -> bpy.types.ShaderNodeTree | None:
    """The node tree that a material is shown with; None for one without nodes (from 5.0 on every material has nodes)."""
    if bpy.app.version < (5, 0, 0) and not material.use_nodes:
        return None
    return material.node_tree


def enable_nodes(material: bpy.types.Material) -> None:
    """Gives a new material its node tree; from 5.0 on it is born with one, and `use_nodes` is deprecated."""
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True


NODES_READ_PLY = bpy.app.version >= (4, 5, 0)
"""Whether geometry nodes can read a .ply whose name depends on the frame (Import PLY, Format String)."""


def set_input(modifier: bpy.types.NodesModifier, name: str, value: object) -> None:
    """Sets an input of a geometry nodes modifier by its label; from 5.2 on inputs are no longer custom properties."""
    identifier = next(item.identifier for item in modifier.node_group.interface.items_tree if item.name == name and item.in_out == "INPUT")
    if bpy.app.version < (5, 2, 0):
        modifier[identifier] = value
    else:
        getattr(modifier.properties.inputs, identifier).value = value


def fcurves(animated: bpy.types.ID) -> list[bpy.types.FCurve]:
    """The curves of a data-block's action; from 5.0 on they lie in a channel bag for each slot of the action."""
    data = animated.animation_data
    if data is None or data.action is None:
        return []
    if bpy.app.version < (5, 0, 0):
        return list(data.action.fcurves)
    strips = [strip for layer in data.action.layers for strip in layer.strips]
    bags = [strip.channelbag(data.action_slot) for strip in strips]
    return [curve for bag in bags if bag for curve in bag.fcurves]
