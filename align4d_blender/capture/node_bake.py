"""Node trees that no plain image or attribute stands for: their base color, baked by Cycles onto an atlas of the mesh's faces.

Everything happens in a temporary scene on copies, so the artist's scene, selection, materials and settings are not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import bpy
import numpy as np

from ...engine.align4d.protocol.srgb import linear_to_srgb
from ..compat import enable_nodes, material_tree
from ..errors import UserError
from .materials import BASE_COLOR, source
from .meshes import read, vertices_of

_LAYER = "Align4D Atlas"
_MARGIN = 1.5
"""Pixels kept free around each face, so that bilinear look-ups see no neighbor."""


def bake(mesh: bpy.types.Mesh, materials: Sequence[bpy.types.Material | None], matrix_world: Any) -> tuple[np.ndarray, np.ndarray]:
    """Bakes the base color that `materials` show on `mesh` (a data-block of bpy.data, which gains a UV map).

    Returns: pixels uint8 (H, W, 4) sRGB, top row first; UVs float32 (loops, 2).
    Raises: UserError where Cycles is not there or refuses.
    """
    size = _atlas_size(len(mesh.polygons))
    uv = atlas_uv(mesh, size)
    with ExitStack() as stack:
        image = stack.enter_context(_temporary(bpy.data.images, "Align4D Atlas", width=size, height=size, float_buffer=True))
        image.colorspace_settings.name = "Non-Color"
        scene = stack.enter_context(_temporary(bpy.data.scenes, "Align4D Bake"))
        copies = [stack.enter_context(_bakeable(material, image)) for material in materials or (None,)]
        mesh.materials.clear()
        for copy in copies:
            mesh.materials.append(copy)
        layer = mesh.uv_layers.new(name=_LAYER, do_init=False)
        if layer is None:
            raise UserError("too_many_uv_maps", f"{mesh.name} has no room for one more UV map.", "Remove a UV map that you do not use.")
        layer.uv.foreach_set("vector", uv.ravel())
        target = stack.enter_context(_temporary(bpy.data.objects, "Align4D Bake", object_data=mesh))
        target.matrix_world = matrix_world
        scene.collection.objects.link(target)
        _run_cycles(scene, target)
        pixels = np.empty(size * size * 4, np.float32)
        image.pixels.foreach_get(pixels)
    rgba = pixels.reshape(size, size, 4)[::-1]
    rgba[..., :3] = linear_to_srgb(rgba[..., :3])
    rgba[..., 3] = 1.0
    return np.rint(rgba * 255).astype(np.uint8), uv


def atlas_uv(mesh: bpy.types.Mesh, size: int) -> np.ndarray:
    """UVs (loops, 2) in which every face fills a square cell of its own: its projection along its normal, stretched to the cell."""
    totals = read(mesh.polygons, "loop_total", 1, np.int32)
    starts = read(mesh.polygons, "loop_start", 1, np.int32)
    face = np.repeat(np.arange(len(totals)), totals)
    corners = vertices_of(mesh)[read(mesh.loops, "vertex_index", 1, np.int32)]
    normal = read(mesh.polygons, "normal", 3)
    helper = np.eye(3, dtype=np.float32)[np.argmin(np.abs(normal), axis=1)]
    tangent = np.cross(helper, normal)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    frame = np.stack([tangent, np.cross(normal, tangent)], axis=1)
    flat = np.einsum("nij,nj->ni", frame[face], corners)
    low = np.minimum.reduceat(flat, starts)
    extent = np.maximum(np.maximum.reduceat(flat, starts) - low, 1e-12)
    side = int(np.ceil(np.sqrt(len(totals))))
    cell = np.stack([np.arange(len(totals)) % side, np.arange(len(totals)) // side], axis=1)
    inset = min(_MARGIN * side / size, 0.25)
    inside = inset + (1 - 2 * inset) * (flat - low[face]) / extent[face]
    return ((cell[face] + inside) / side).astype(np.float32)


def _atlas_size(faces: int) -> int:
    """Side of the atlas in pixels: a power of two with some 32 pixels a face and side, at most 4096."""
    wanted = 32 * np.ceil(np.sqrt(max(faces, 1)))
    return int(min(max(2 ** np.ceil(np.log2(wanted)), 256), 4096))


@contextmanager
def _temporary(collection: Any, name: str, **arguments: Any) -> Iterator[Any]:
    """A data-block that is gone afterwards."""
    block = collection.new(name, **arguments)
    try:
        yield block
    finally:
        collection.remove(block)


@contextmanager
def _bakeable(material: bpy.types.Material | None, image: bpy.types.Image) -> Iterator[bpy.types.Material]:
    """A copy of the material that emits its base color and bakes into `image`."""
    copy = material.copy() if material else bpy.data.materials.new("Align4D Bake")
    groups: list[bpy.types.NodeTree] = []
    try:
        if material_tree(copy) is None:
            enable_nodes(copy)
            shader: bpy.types.Node | None = copy.node_tree.nodes.get("Principled BSDF")
            if shader:
                shader.inputs["Base Color"].default_value = copy.diffuse_color
        tree = copy.node_tree
        output = tree.get_output_node("CYCLES")
        if output:
            _emit(tree, output.inputs["Surface"], groups)
        target = tree.nodes.new("ShaderNodeTexImage")
        target.image = image
        tree.nodes.active = target
        yield copy
    finally:
        bpy.data.materials.remove(copy)
        for group in groups:
            bpy.data.node_groups.remove(group)


def _emit(tree: bpy.types.NodeTree, socket: bpy.types.NodeSocket, groups: list[bpy.types.NodeTree]) -> None:
    """Replaces every shader that reaches `socket` by an emission of its base color; mixes of shaders stay as they are."""
    shader = source(socket)
    if shader is None or shader.type != "SHADER":
        return
    node = shader.node
    if node.type == "MIX_SHADER":
        closures = [entry for entry in node.inputs if entry.type == "SHADER"]
        opaque = [entry for entry in closures if (found := source(entry)) and found.node.type not in {"BSDF_TRANSPARENT", "HOLDOUT"}]
        if len(opaque) == 1:
            tree.links.new(source(opaque[0]), socket)
            _emit(tree, socket, groups)
            return
    if node.type in {"MIX_SHADER", "ADD_SHADER"}:
        for entry in node.inputs:
            _emit(tree, entry, groups)
        return
    if node.type == "GROUP" and node.node_tree:
        node.node_tree = node.node_tree.copy()
        groups.append(node.node_tree)
        end = next((inner for inner in node.node_tree.nodes if inner.type == "GROUP_OUTPUT" and inner.is_active_output), None)
        if end:
            _emit(node.node_tree, next(entry for entry in end.inputs if entry.identifier == shader.identifier), groups)
        return
    _replace_by_emission(tree, node, socket)


def _replace_by_emission(tree: bpy.types.NodeTree, node: bpy.types.Node, socket: bpy.types.NodeSocket) -> None:
    """Feeds `socket` from an emission of the color of the shader `node`; a shader without a color (a volume, say) counts as black."""
    emission = tree.nodes.new("ShaderNodeEmission")
    emission.inputs["Color"].default_value = (0.0, 0.0, 0.0, 1.0)
    base: Any = node.inputs.get(BASE_COLOR.get(node.type, "Color"))
    if base is not None:
        emission.inputs["Color"].default_value = base.default_value
        color = source(base)
        if color is not None:
            tree.links.new(color, emission.inputs["Color"])
    tree.links.new(emission.outputs["Emission"], socket)


def _run_cycles(scene: bpy.types.Scene, target: bpy.types.Object) -> None:
    """Bakes `target` in `scene` with one sample. Raises UserError."""
    try:
        setattr(scene.render, "engine", "CYCLES")  # noqa: B010 - the stubs know the engines of a bare Blender only
    except TypeError as error:
        advice = "Enable the Cycles Render Engine in Edit > Preferences > Add-ons."
        raise UserError("cycles_missing", "A material of the selected objects has to be baked, and Cycles is switched off.", advice) from error
    scene.cycles.samples = 1
    scene.cycles.device = "CPU"
    scene.render.bake.margin = 2
    view_layer = scene.view_layers[0]
    target.data.uv_layers[_LAYER].active = True
    view_layer.objects.active = target
    target.select_set(True, view_layer=view_layer)
    view_layer.update()
    try:
        with bpy.context.temp_override(
            scene=scene, view_layer=view_layer, active_object=target, object=target, selected_objects=[target], selected_editable_objects=[target]
        ):
            bpy.ops.object.bake(type="EMIT", target="IMAGE_TEXTURES", save_mode="INTERNAL", use_clear=True)
    except RuntimeError as error:
        advice = "Give the object a plain image texture or base color, or bake the material by hand."
        raise UserError("bake_failed", f"Cycles could not bake a material ({str(error).strip()}).", advice) from error
