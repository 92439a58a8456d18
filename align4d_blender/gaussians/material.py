"""The material that shows a point as a Gaussian, without sorting: the same in Cycles and in EEVEE.

Each Gaussian is a sphere that reaches as far as it can be seen. Where a ray meets the sphere, its distance from the center in standard
deviations gives the opacity, exactly as a splat has it: with p = A (P - c) and v = A V, A the inverse of (rotation * scale), the ray
passes the center at |p x v| / |v|. The order is left to the renderer: Cycles traces it, EEVEE dithers.
"""

from __future__ import annotations

import bpy

from .. import compat
from .node_graph import Graph

NAME = "Align4D Gaussians"

ROWS = ("splat_row_0", "splat_row_1", "splat_row_2")
CENTER = "splat_center"
COLOR = "splat_color"
DENSITY = "splat_density"
"""Attributes of the points: the rows of A and the center in object space; linear color with the opacity as alpha; the exponent of the transparency.
Not "color": Cycles shows that one black."""

FAINTEST = 1 / 255
"""A Gaussian adds nothing where it is more transparent than this, as in every rasterizer of them."""


def material() -> bpy.types.Material:
    """The material; made where the file has none."""
    found: bpy.types.Material | None = bpy.data.materials.get(NAME)
    if found is None:
        found = bpy.data.materials.new(NAME)
        compat.enable_nodes(found)
        _build(found)
    return found


def _build(made: bpy.types.Material) -> None:
    tree = made.node_tree
    tree.nodes.clear()
    graph = Graph(tree)
    geometry = graph.node("ShaderNodeNewGeometry")
    hit = _to_object(graph, geometry.outputs["Position"], "POINT")
    ray = _to_object(graph, geometry.outputs["Incoming"], "VECTOR")
    away = graph.vector("SUBTRACT", hit, _attribute(graph, CENTER).outputs["Vector"])
    rows = [_attribute(graph, name).outputs["Vector"] for name in ROWS]
    place, direction = (graph.combined(*(graph.vector("DOT_PRODUCT", row, one) for row in rows)) for one in (away, ray))
    passing = graph.vector("CROSS_PRODUCT", place, graph.vector("NORMALIZE", direction))
    distance = graph.vector("DOT_PRODUCT", passing, passing)
    color = _attribute(graph, COLOR)
    alpha = graph.math("MULTIPLY", color.outputs["Alpha"], graph.math("EXPONENT", graph.math("MULTIPLY", distance, -0.5)))
    alpha = graph.math("MULTIPLY", alpha, graph.math("GREATER_THAN", alpha, FAINTEST))
    alpha = graph.math("MULTIPLY", alpha, graph.math("SUBTRACT", 1.0, geometry.outputs["Backfacing"]))
    through = graph.math("POWER", graph.math("SUBTRACT", 1.0, alpha), _attribute(graph, DENSITY).outputs["Fac"])
    emission = graph.node("ShaderNodeEmission", {"Color": color.outputs["Color"], "Strength": 1.0})
    clear = graph.node("ShaderNodeBsdfTransparent")
    mixed = graph.node("ShaderNodeMixShader", (through, emission.outputs[0], clear.outputs[0]))
    graph.node("ShaderNodeOutputMaterial", (mixed.outputs[0],))
    made.surface_render_method = "DITHERED"
    made.use_transparent_shadow = True
    if hasattr(made, "cycles"):  # Cycles can be switched off
        made.cycles.emission_sampling = "NONE"  # thousands of tiny lamps would slow down every other object's light


def _to_object(graph: Graph, vector: bpy.types.NodeSocket, kind: str) -> bpy.types.NodeSocket:
    node = graph.node("ShaderNodeVectorTransform", vector_type=kind, convert_from="WORLD", convert_to="OBJECT")
    graph.tree.links.new(vector, node.inputs[0])
    return node.outputs[0]


def _attribute(graph: Graph, name: str) -> bpy.types.Node:
    return graph.node("ShaderNodeAttribute", attribute_type="GEOMETRY", attribute_name=name)
