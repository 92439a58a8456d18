"""Geometry nodes for Gaussians: one group reads the .ply of the current frame, another turns its columns into points that the material shows."""

from __future__ import annotations

import math

import bpy

from ...engine.align4d.protocol.ply import HARMONIC
from . import material
from .material import CENTER, COLOR, DENSITY, FAINTEST, ROWS
from .node_graph import Graph, Value
from .spherical_harmonics import COEFFICIENTS, sockets

FLATTEST = 1e-3
"""Least standard deviation, as a part of the largest of the same Gaussian: single precision cannot look at anything flatter."""

FARTHEST = 3.0
"""Standard deviations up to which a Gaussian is shown (the rasterizer of Kerbl et al. 2023 goes as far)."""

INPUTS = {
    "File": ("NodeSocketString", "The .ply files, with {:04} in the place of a number of four digits"),
    "Start": ("NodeSocketInt", "Scene frame of the first file"),
    "Speed": ("NodeSocketFloat", "Files per scene frame"),
    "First": ("NodeSocketInt", "Number in the first file's name"),
    "Step": ("NodeSocketInt", "From one number to the next"),
    "Count": ("NodeSocketInt", "Number of files"),
}
"""Inputs of the modifier on Blender 4.5 and later: name -> kind and description."""


def playing_group(degree: int) -> bpy.types.NodeTree:
    """Reads and shows: all that a machine without the extension needs. For files with harmonics up to `degree`; Blender 4.5 and later."""
    name = f"Align4D Gaussian Sequence, degree {degree}"
    return bpy.data.node_groups.get(name) or _build_playing(name, degree)


def baked_group(degree: int) -> bpy.types.NodeTree:
    """Shows what its Bake node holds: the same for Blender before 4.5, which has no node that reads files."""
    name = f"Align4D Gaussian Bake, degree {degree}"
    return bpy.data.node_groups.get(name) or _build_baked(name, degree)


def display_group(degree: int) -> bpy.types.NodeTree:
    """Vertices with the columns of a .ply of Gaussians -> points."""
    name = f"Align4D Gaussians, degree {degree}"
    return bpy.data.node_groups.get(name) or _build_display(name, degree)


def _new_group(name: str, inputs: dict[str, tuple[str, str]]) -> tuple[Graph, bpy.types.Node, bpy.types.Node]:
    tree = bpy.data.node_groups.new(name, "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    for label, (kind, description) in inputs.items():
        tree.interface.new_socket(label, description=description, in_out="INPUT", socket_type=kind)
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    graph = Graph(tree)
    return graph, graph.node("NodeGroupInput"), graph.node("NodeGroupOutput")


def _build_playing(name: str, degree: int) -> bpy.types.NodeTree:
    graph, given, result = _new_group(name, INPUTS)
    frame = graph.node("GeometryNodeInputSceneTime").outputs["Frame"]
    played = graph.math("MULTIPLY", graph.math("SUBTRACT", frame, given.outputs["Start"]), given.outputs["Speed"])
    last = graph.math("SUBTRACT", given.outputs["Count"], 1.0)
    index = graph.math("MAXIMUM", graph.math("MINIMUM", graph.math("ROUND", played), last), 0.0)
    number = graph.math("MULTIPLY_ADD", index, given.outputs["Step"], given.outputs["First"])
    path = graph.node("FunctionNodeFormatString")
    path.format_items.new("INT", "Number")
    graph.tree.links.new(given.outputs["File"], path.inputs["Format"])
    graph.tree.links.new(number, path.inputs["Number"])
    read = graph.node("GeometryNodeImportPLY", {"Path": path.outputs[0]})
    _show(graph, read.outputs[0], result, degree)
    return graph.tree


def _build_baked(name: str, degree: int) -> bpy.types.NodeTree:
    graph, given, result = _new_group(name, {})
    bake = graph.node("GeometryNodeBake", {"Geometry": given.outputs["Geometry"]})
    _show(graph, bake.outputs["Geometry"], result, degree)
    return graph.tree


def _show(graph: Graph, vertices: bpy.types.NodeSocket, result: bpy.types.Node, degree: int) -> None:
    shown = graph.node("GeometryNodeGroup", node_tree=display_group(degree))
    graph.tree.links.new(vertices, shown.inputs["Geometry"])
    graph.tree.links.new(shown.outputs["Geometry"], result.inputs["Geometry"])


def _build_display(name: str, degree: int) -> bpy.types.NodeTree:
    graph, given, result = _new_group(name, {})
    logit = _column(graph, "opacity")
    opacity = graph.math("DIVIDE", 1.0, graph.math("ADD", 1.0, graph.math("EXPONENT", graph.math("MULTIPLY", logit, -1.0))))
    logs = [_column(graph, f"scale_{axis}") for axis in range(3)]
    largest = graph.math("MAXIMUM", graph.math("MAXIMUM", logs[0], logs[1]), logs[2])
    radius = graph.math("MULTIPLY", _reach(graph, opacity), graph.math("MULTIPLY", graph.math("EXPONENT", largest), _stretch(graph)))
    points = graph.node("GeometryNodeMeshToPoints", {"Mesh": given.outputs["Geometry"], "Radius": radius}).outputs[0]
    turn = graph.node("FunctionNodeQuaternionToRotation", tuple(_column(graph, f"rot_{i}") for i in range(4))).outputs[0]
    least = graph.math("ADD", largest, math.log(FLATTEST))
    for axis, (row, log) in enumerate(zip(ROWS, logs, strict=True)):
        unit = tuple(float(i == axis) for i in range(3))
        along = graph.node("FunctionNodeRotateVector", {"Vector": unit, "Rotation": turn}).outputs[0]
        sharpness = graph.math("EXPONENT", graph.math("MULTIPLY", graph.math("MAXIMUM", log, least), -1.0))
        points = _stored(graph, points, row, "FLOAT_VECTOR", graph.scaled(along, sharpness))
    place = graph.node("GeometryNodeInputPosition").outputs[0]
    points = _stored(graph, points, CENTER, "FLOAT_VECTOR", place)
    encoded = _color(graph, place, degree)
    linear = graph.node("FunctionNodeCombineColor", (*(_linear(graph, channel) for channel in encoded), opacity)).outputs[0]
    points = _stored(graph, points, COLOR, "FLOAT_COLOR", linear)
    points = _stored(graph, points, DENSITY, "FLOAT", _density(graph, encoded))
    painted = graph.node("GeometryNodeSetMaterial", {"Geometry": points, "Material": material.material()})
    graph.tree.links.new(painted.outputs[0], result.inputs["Geometry"])
    return graph.tree


def _column(graph: Graph, name: str) -> bpy.types.NodeSocket:
    """A property of the .ply; 0 where the file lacks it."""
    return graph.node("GeometryNodeInputNamedAttribute", {"Name": name}, data_type="FLOAT").outputs["Attribute"]


def _stored(graph: Graph, points: bpy.types.NodeSocket, name: str, kind: str, value: Value) -> bpy.types.NodeSocket:
    inputs: dict[str, Value] = {"Geometry": points, "Name": name, "Value": value}
    return graph.node("GeometryNodeStoreNamedAttribute", inputs, data_type=kind, domain="POINT").outputs[0]


def _reach(graph: Graph, opacity: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """In standard deviations, where the opacity has fallen to FAINTEST, but no farther than FARTHEST."""
    ratio = graph.math("MAXIMUM", graph.math("DIVIDE", opacity, FAINTEST), 1.0)
    return graph.math("MINIMUM", graph.math("SQRT", graph.math("MULTIPLY", graph.math("LOGARITHM", ratio, math.e), 2.0)), FARTHEST)


def _stretch(graph: Graph) -> bpy.types.NodeSocket:
    """How much larger a sphere must be so that it still covers its Gaussian when the object is turned and scaled.

    A sphere stays a sphere: Cycles gives it the object's mean scale (the cube root of the volume), EEVEE the mean of |M (1, 1, 1)|, M the
    object's matrix, which falls to 0.58 of the scale when the object is turned.
    """
    own = graph.node("GeometryNodeSelfObject").outputs[0]
    placed = graph.node("GeometryNodeObjectInfo", {"Object": own}, transform_space="ORIGINAL")
    sides = [graph.math("ABSOLUTE", side) for side in graph.separated(placed.outputs["Scale"])]
    longest = graph.math("MAXIMUM", graph.math("MAXIMUM", sides[0], sides[1]), sides[2])
    volume = graph.math("MULTIPLY", graph.math("MULTIPLY", sides[0], sides[1]), sides[2])
    in_cycles = graph.math("POWER", volume, 1 / 3)
    turned = graph.node("FunctionNodeRotateVector", {"Vector": placed.outputs["Scale"], "Rotation": placed.outputs["Rotation"]}).outputs[0]
    in_eevee = graph.scaled(graph.vector("ABSOLUTE", turned), 1 / 3)
    in_eevee = graph.vector("DOT_PRODUCT", in_eevee, (1.0, 1.0, 1.0))
    smaller = graph.math("MAXIMUM", graph.math("MINIMUM", in_cycles, in_eevee), 1e-9)
    return graph.math("MAXIMUM", graph.math("DIVIDE", longest, smaller), 1.0)


def _color(graph: Graph, place: bpy.types.NodeSocket, degree: int) -> tuple[bpy.types.NodeSocket, ...]:
    """Red, green and blue in sRGB, as the camera sees them."""
    constant = graph.combined(*(_column(graph, f"f_dc_{channel}") for channel in range(3)))
    shown = graph.node("ShaderNodeVectorMath", operation="MULTIPLY_ADD")
    graph.tree.links.new(constant, shown.inputs[0])
    shown.inputs[1].default_value, shown.inputs[2].default_value = (HARMONIC,) * 3, (0.5,) * 3
    encoded = shown.outputs["Vector"]
    if degree:
        camera = graph.node("GeometryNodeInputActiveCamera").outputs[0]
        eye = graph.node("GeometryNodeObjectInfo", {"Object": camera}, transform_space="RELATIVE").outputs["Location"]
        direction = graph.vector("NORMALIZE", graph.vector("SUBTRACT", place, eye))
        per_channel = COEFFICIENTS[degree] // 3
        for index, function in enumerate(sockets(graph, direction, per_channel)):
            rest = graph.combined(*(_column(graph, f"f_rest_{channel * per_channel + index}") for channel in range(3)))
            encoded = graph.vector("ADD", encoded, graph.scaled(rest, function))
    return graph.separated(encoded)


def _density(graph: Graph, encoded: tuple[bpy.types.NodeSocket, ...]) -> bpy.types.NodeSocket:
    """The exponent of the transparency that makes up for the space in which colors are blended.

    Splats are blended in sRGB, renderers blend in linear light, where what is bright wins: dark splats over something bright would look thinner
    than they are. With the transparency to this power, half of a splat over white looks as it does in sRGB; over black nothing changes, since what
    is dark does not show there. It is 2.2 for black and 1 for white.
    """
    gray = graph.vector("DOT_PRODUCT", graph.combined(*encoded), (0.2126, 0.7152, 0.0722))
    gray = graph.math("MINIMUM", graph.math("MAXIMUM", gray, 0.0), 0.98)
    own, half = _linear(graph, gray), _linear(graph, graph.math("MULTIPLY_ADD", gray, 0.5, 0.5))
    left = graph.math("DIVIDE", graph.math("SUBTRACT", half, own), graph.math("SUBTRACT", 1.0, own))
    return graph.math("LOGARITHM", left, 0.5)


def _linear(graph: Graph, encoded: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """sRGB to linear (IEC 61966-2-1); negative values are black."""
    encoded = graph.math("MAXIMUM", encoded, 0.0)
    curved = graph.math("POWER", graph.math("MULTIPLY_ADD", encoded, 1 / 1.055, 0.055 / 1.055), 2.4)
    straight = graph.math("MULTIPLY", encoded, 1 / 12.92)
    dark = graph.math("LESS_THAN", encoded, 0.04045)
    return graph.math("MULTIPLY_ADD", dark, graph.math("SUBTRACT", straight, curved), curved)
