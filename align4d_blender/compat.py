"""Every difference between Blender 4.2 and 5.2 that the extension meets, and nothing else."""

from __future__ import annotations

from typing import Any

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


def all_strips(scene: bpy.types.Scene) -> list[Any]:
    """Every strip of the scene's sequencer; from 4.4 on they are no longer called sequences."""
    editor: Any = scene.sequence_editor
    if editor is None:
        return []
    return list(editor.sequences_all if bpy.app.version < (4, 4, 0) else editor.strips_all)


SLOTS = bpy.app.version >= (4, 4, 0)
"""Whether actions have slots and layers."""


class Curves:
    """Where new curves of an action go: the action itself, or the channel bag of a slot."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def new(self, path: str, index: int, group: str) -> bpy.types.FCurve:
        """A curve of a property's component, in a group of that name."""
        curve: bpy.types.FCurve = self._owner.fcurves.new(path, index=index)
        curve.group = self._owner.groups.get(group) or self._owner.groups.new(group)
        return curve


def new_curves(action: bpy.types.Action, animated: bpy.types.Object) -> Curves:
    """Assigns a new, empty action to an object, and gives what takes its curves."""
    data = animated.animation_data
    if not SLOTS:
        data.action = action
        return Curves(action)
    slot = action.slots.new(id_type="OBJECT", name=animated.name)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    data.action = action
    data.action_slot = slot
    return Curves(strip.channelbag(slot, ensure=True))


def assign(data: bpy.types.AnimData, action: bpy.types.Action) -> None:
    """Lets an object play an action that `new_curves` has filled."""
    data.action = action
    if SLOTS:
        data.action_slot = action.slots[0]


def keep_slot(data: bpy.types.AnimData, strip: bpy.types.NlaStrip) -> None:
    """Lets a strip play the slot that is assigned now."""
    if SLOTS and data.action_slot:
        strip.action_slot = data.action_slot


def use_slot_of(data: bpy.types.AnimData, strip: bpy.types.NlaStrip) -> None:
    """Assigns the slot that a strip plays."""
    if SLOTS and strip.action_slot:
        data.action_slot = strip.action_slot
