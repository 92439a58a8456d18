"""Node trees written as expressions: each call adds a node and returns the socket that holds its value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy

Value = bpy.types.NodeSocket | bpy.types.Material | float | str | tuple[float, ...] | None
"""What an input gets: another node's socket, a constant, or None for the input's own default."""

_COLUMN, _ROWS = 190, 12


class Graph:
    """Adds nodes to a tree, of geometry or of a material, and lays them out in columns.

    Args:
        tree: gets the nodes.
    """

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self.tree = tree

    def node(self, kind: str, inputs: Mapping[str, Value] | Sequence[Value] = (), **settings: Any) -> bpy.types.Node:
        """A new node. `inputs` go by the name of the socket, or in the order of the sockets."""
        count = len(self.tree.nodes)
        node = self.tree.nodes.new(kind)
        node.location = (_COLUMN * (count // _ROWS), -160 * (count % _ROWS))
        node.hide = True
        for name, value in settings.items():
            setattr(node, name, value)
        named = inputs.items() if isinstance(inputs, Mapping) else zip(node.inputs, inputs, strict=False)
        for key, value in named:
            self._put(value, node.inputs[key] if isinstance(key, str) else key)
        return node

    def math(self, operation: str, *inputs: Value) -> bpy.types.NodeSocket:
        """A number from numbers."""
        return self.node("ShaderNodeMath", inputs, operation=operation).outputs[0]

    def vector(self, operation: str, *inputs: Value) -> bpy.types.NodeSocket:
        """A vector from vectors; of DOT_PRODUCT the number."""
        node = self.node("ShaderNodeVectorMath", inputs, operation=operation)
        return node.outputs["Value" if operation == "DOT_PRODUCT" else "Vector"]

    def scaled(self, vector: Value, factor: Value) -> bpy.types.NodeSocket:
        """vector * factor."""
        node = self.node("ShaderNodeVectorMath", {"Scale": factor}, operation="SCALE")
        self._put(vector, node.inputs[0])
        return node.outputs["Vector"]

    def combined(self, *parts: Value) -> bpy.types.NodeSocket:
        """A vector of three numbers."""
        return self.node("ShaderNodeCombineXYZ", parts).outputs[0]

    def separated(self, vector: bpy.types.NodeSocket) -> tuple[bpy.types.NodeSocket, ...]:
        """The three numbers of a vector."""
        return tuple(self.node("ShaderNodeSeparateXYZ", (vector,)).outputs)

    def _put(self, value: Value, socket: bpy.types.NodeSocket) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif value is not None:
            socket.default_value = value
