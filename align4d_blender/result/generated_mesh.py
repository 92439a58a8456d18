"""An object that the engine made -> the scene: its mesh with one UV map, one material with one texture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import bpy
from mathutils import Matrix

from ...engine.align4d import protocol
from ..compat import enable_nodes

if TYPE_CHECKING:
    import numpy as np

UV_MAP = "UVMap"


@dataclass(frozen=True)
class GeneratedMesh:
    """What of a result the scene does not have yet, read and checked.

    Attributes:
        entry: of the result.
        arrays: see `protocol.MESH_ARRAYS`.
        image: path of its texture.
        motion: path of its PC2 file.
    """

    entry: protocol.ObjectResult
    arrays: dict[str, np.ndarray]
    image: Path
    motion: Path


def read(folder: Path, result: protocol.Result) -> tuple[GeneratedMesh, ...]:
    """The generated meshes of a finished job. Needs no Blender: runs in a thread.

    Raises:
        ProtocolError: where a file does not fit the others.
        OSError: where one is missing.
    """
    return tuple(_read_one(folder, entry, result.frames) for entry in result.objects if entry.mesh)


def _read_one(folder: Path, entry: protocol.ObjectResult, frames: int) -> GeneratedMesh:
    made = GeneratedMesh(entry, protocol.read_arrays(folder / entry.mesh), folder / entry.image, folder / entry.motion)
    missing = set(protocol.MESH_ARRAYS) - set(made.arrays)
    if missing or protocol.pc2_shape(made.motion) != (frames, len(made.arrays["vertices"])) or not made.image.is_file():
        raise protocol.ProtocolError(f"The generated mesh {entry.name} is not complete.", "Generate again.")
    return made


def create(made: GeneratedMesh, scene: bpy.types.Scene) -> bpy.types.Object:
    """A new object of the scene, in its rest shape. The texture is packed: the .blend does not need the job's folder for it."""
    name = made.entry.name
    item = bpy.data.objects.new(name, _mesh(name, made.arrays))
    item.data.materials.append(_material(name, made.image))
    item.matrix_world = Matrix(made.entry.matrix_world)
    scene.collection.objects.link(item)
    return item


def remove(item: bpy.types.Object) -> None:
    """Takes the object out of the file, and what only it used."""
    mesh = cast(bpy.types.Mesh, item.data)
    materials = list(mesh.materials)
    bpy.data.objects.remove(item)
    if mesh.users == 0:
        bpy.data.meshes.remove(mesh)
    for material in materials:
        if material and material.users == 0:
            images = [node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"]
            bpy.data.materials.remove(material)
            for image in images:
                if image and image.users == 0:
                    bpy.data.images.remove(image)


def _mesh(name: str, arrays: dict[str, np.ndarray]) -> bpy.types.Mesh:
    import numpy as np  # Blender starts sooner without it

    triangles, count = arrays["triangles"], len(arrays["triangles"])
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(arrays["vertices"]))
    mesh.vertices.foreach_set("co", arrays["vertices"].ravel())
    mesh.loops.add(3 * count)
    mesh.loops.foreach_set("vertex_index", triangles.ravel())
    mesh.polygons.add(count)
    mesh.polygons.foreach_set("loop_start", np.arange(0, 3 * count, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(count, bool))
    uv = mesh.uv_layers.new(name=UV_MAP)
    mesh.update(calc_edges=True)
    uv.uv.foreach_set("vector", arrays["corner_uv"].ravel())
    return mesh


def _material(name: str, path: Path) -> bpy.types.Material:
    """Principled, rough, the texture as its base color."""
    image = bpy.data.images.load(str(path))
    image.name = name
    image.pack()
    material = bpy.data.materials.new(name)
    enable_nodes(material)
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 1.0
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    texture.location = shader.location[0] - 320, shader.location[1]
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return material
