"""Meshes of Blender -> the arrays of the protocol, in whole-array reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np

from ...engine.align4d.protocol.srgb import linear_to_srgb
from .materials import Look
from .slices import Slices, aside


def read(collection: Any, name: str, width: int, dtype: type = np.float32) -> np.ndarray:
    """One property of a whole collection: (N, width), or (N,) for width 1."""
    values: np.ndarray = np.empty(len(collection) * width, dtype)
    collection.foreach_get(name, values)
    return values if width == 1 else values.reshape(-1, width)


_POSITION, _CORNER, _MATERIAL = "position", ".corner_vert", "material_index"
"""The attributes behind `vertices.co`, `loops.vertex_index` and `polygons.material_index`, which are read many times faster.

An empty mesh has none of them, and one that shows its first material only need not have the last.
"""


def vertices_of(mesh: bpy.types.Mesh) -> np.ndarray:
    """Positions (V, 3) float32 in object space."""
    return read(mesh.attributes[_POSITION].data, "vector", 3) if len(mesh.vertices) else np.empty((0, 3), np.float32)


def set_vertices(mesh: bpy.types.Mesh, vertices: np.ndarray) -> None:
    """Moves the vertices to (V, 3) in object space; `mesh.update` is left to the caller."""
    if len(vertices):
        mesh.attributes[_POSITION].data.foreach_set("vector", np.ascontiguousarray(vertices, np.float32).ravel())


def mesh_arrays(mesh: bpy.types.Mesh, looks: Sequence[Look], atlas: np.ndarray | None, bake_vertices: np.ndarray) -> Slices[dict[str, np.ndarray]]:
    """The arrays of `protocol.MESH_ARRAYS` for a mesh.

    Args:
        mesh: nobody else's meanwhile; its loop triangles are computed here.
        looks: one for each material index.
        atlas: (loops, 2) UVs of the baked texture, where a look is "bake".
        bake_vertices: (B, 3), passed through.
    """
    mesh.calc_loop_triangles()
    loops = read(mesh.loop_triangles, "loops", 3, np.int32)
    yield
    material = np.clip(_materials(mesh), 0, len(looks) - 1)
    yield
    corners = read(mesh.attributes[_CORNER].data, "value", 1, np.int32) if len(mesh.loops) else np.empty(0, np.int32)
    triangles = yield from aside(lambda: corners[loops])
    normals = read(mesh.corner_normals, "vector", 3)
    corner_normal = yield from aside(lambda: normals[loops])
    uv = np.zeros((*loops.shape, 2), np.float32)
    color = np.ones((*loops.shape, 4), np.float32)
    for index, look in enumerate(looks):
        yield
        chosen = loops if len(looks) == 1 else loops[material == index]
        where = slice(None) if len(looks) == 1 else material == index
        if look.kind == "texture":
            uv[where] = _uv(mesh, look.layer)[chosen]
        elif look.kind == "bake" and atlas is not None:
            uv[where] = atlas[chosen]
        elif look.kind == "attribute":
            color[where] = _color(mesh, look.layer)[chosen]
    return {
        "vertices": vertices_of(mesh),
        "triangles": triangles,
        "material": material,
        "corner_normal": corner_normal,
        "corner_uv": uv,
        "corner_color": color,
        "bake_vertices": np.ascontiguousarray(bake_vertices, np.float32),
    }


def _materials(mesh: bpy.types.Mesh) -> np.ndarray:
    """Index of the material of each triangle (F,)."""
    attribute: Any = mesh.attributes.get(_MATERIAL)
    if attribute is None:
        return np.zeros(len(mesh.loop_triangles), np.int32)
    return read(attribute.data, "value", 1, np.int32)[read(mesh.loop_triangles, "polygon_index", 1, np.int32)]


def _uv(mesh: bpy.types.Mesh, name: str) -> np.ndarray:
    """UVs (loops, 2) of a map, or of the render-active one; zeros where it does not exist, as Blender shows it."""
    layer = mesh.uv_layers.get(name) if name else next((layer for layer in mesh.uv_layers if layer.active_render), None)
    return np.zeros((len(mesh.loops), 2), np.float32) if layer is None else read(layer.uv, "vector", 2)


def _color(mesh: bpy.types.Mesh, name: str) -> np.ndarray:
    """sRGB and alpha (loops, 4) of a color attribute, or of the render-active one; black where it does not exist, as Blender shows it."""
    attributes = mesh.color_attributes
    index = attributes.find(name) if name else attributes.render_color_index
    attribute = attributes[index] if 0 <= index < len(attributes) else None
    if attribute is None:
        return np.tile(np.array([0, 0, 0, 1], np.float32), (len(mesh.loops), 1))
    rgba = read(attribute.data, "color", 4)
    rgba[:, :3] = linear_to_srgb(rgba[:, :3])
    return rgba if attribute.domain == "CORNER" else rgba[read(mesh.loops, "vertex_index", 1, np.int32)]
