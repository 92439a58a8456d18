"""What a material shows, reduced to one source of color: flat, an image, a color attribute, or a node tree that must be baked."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ...engine.align4d.protocol.srgb import linear_to_srgb
from ..compat import material_tree

DEFAULT_GRAY = 0.8
"""Blender shows a mesh without material in this linear gray."""

BASE_COLOR = {"BSDF_PRINCIPLED": "Base Color", "BSDF_DIFFUSE": "Color", "EMISSION": "Color"}
"""Shader node -> the input that holds the color the artist chose."""


@dataclass(frozen=True)
class Look:
    """Where a material's color comes from.

    Attributes:
        kind: "flat", "texture", "attribute" or "bake" (anything else: Cycles has to evaluate it).
        color: sRGB and alpha, for "flat".
        image: for "texture".
        layer: UV map of the texture, or name of the color attribute; "" means the one active for rendering.
    """

    kind: str
    color: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0)
    image: bpy.types.Image | None = None
    layer: str = ""


def look_of(material: bpy.types.Material | None) -> Look:
    """The look of one material slot; None is an empty slot."""
    if material is None:
        return _flat((DEFAULT_GRAY, DEFAULT_GRAY, DEFAULT_GRAY, 1.0))
    tree = material_tree(material)
    if tree is None:
        return _flat(material.diffuse_color)
    output = tree.get_output_node("CYCLES")
    shader = _seen_by_camera(source(output.inputs["Surface"])) if output else None
    if shader is None:
        return _flat((0.0, 0.0, 0.0, 1.0))
    node = shader.node
    if node.mute or node.type not in BASE_COLOR:
        return Look("bake")
    socket = node.inputs[BASE_COLOR[node.type]]
    color = source(socket)
    return _flat(socket.default_value) if color is None else _linked(color)


def _seen_by_camera(shader: bpy.types.NodeSocket | None) -> bpy.types.NodeSocket | None:
    """The shader that camera rays meet, where a material mixes two by Is Camera Ray: so does what glTF calls unlit."""
    while shader and shader.node.type == "MIX_SHADER" and not shader.node.mute:
        ray = source(shader.node.inputs[0])
        if ray is None or ray.node.type != "LIGHT_PATH" or ray.identifier != "Is Camera Ray":
            break
        shader = source(shader.node.inputs[2])
    return shader


def source(socket: bpy.types.NodeSocket) -> bpy.types.NodeSocket | None:
    """The output that feeds an input, looking through reroutes; None where nothing does."""
    while socket.is_linked:
        link = socket.links[0]
        if link.is_muted:
            return None
        if link.from_node.type != "REROUTE":
            return link.from_socket
        socket = link.from_node.inputs[0]
    return None


def _flat(linear: object) -> Look:
    rgba = np.array(linear, np.float64)
    return Look("flat", (*(float(v) for v in linear_to_srgb(rgba[:3])), 1.0))


def _linked(color: bpy.types.NodeSocket) -> Look:
    """The look of a base color that comes from this output."""
    node = color.node
    if node.mute:
        return Look("bake")
    if node.type == "RGB":
        return _flat(color.default_value)
    if node.type == "VERTEX_COLOR" and color.name == "Color":
        return Look("attribute", layer=node.layer_name)
    if node.type == "ATTRIBUTE" and color.name == "Color" and node.attribute_type == "GEOMETRY" and node.attribute_name:
        return Look("attribute", layer=node.attribute_name)
    if node.type == "TEX_IMAGE" and color.name == "Color" and _is_plain_image(node):
        layer = _uv_layer(node.inputs["Vector"])
        if layer is not None:
            return Look("texture", image=node.image, layer=layer)
    return Look("bake")


def _is_plain_image(node: bpy.types.Node) -> bool:
    """Whether the node shows one still image by its UVs, repeated; UDIM tiles, movies and projections have to be baked."""
    image = node.image
    return image is not None and image.source in {"FILE", "GENERATED"} and node.projection == "FLAT" and node.extension == "REPEAT"


def _uv_layer(vector: bpy.types.NodeSocket) -> str | None:
    """Name of the UV map that an Image Texture reads ("" for the render-active one); None where it reads no plain UV map."""
    output = source(vector)
    if output is None:
        return ""
    if output.node.type == "UVMAP":
        return None if output.node.from_instancer else output.node.uv_map
    if output.node.type == "TEX_COORD" and output.name == "UV" and not output.node.from_instancer:
        return ""
    return None
