"""Mesh files (glTF, OBJ, PLY, STL, ... through trimesh) as a job's objects: what the Blender side does with a scene, for the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image

from ..errors import EngineError
from ..protocol import MaterialSpec, Matrix4, ObjectSpec, write_arrays
from ..protocol.srgb import linear_to_srgb, srgb_to_linear
from .foreign import reading
from .image_file import checked

SUFFIXES = {".glb", ".gltf", ".obj", ".ply", ".stl", ".off"}
"""What is read. trimesh would also unpack archives."""

MOST_BYTES = 2_000_000_000
"""Of one file."""

MOST_OBJECTS = 2000
"""In one file."""

Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""From the axes of glTF and OBJ (Y up, looking at +Z) to Blender's (Z up, looking at -Y), as Blender's importers turn them."""
Y_UP_SUFFIXES = {".glb", ".gltf", ".obj"}
LINEAR_SUFFIXES = {".glb", ".gltf"}
"""Formats whose color factors and vertex colors are linear, as glTF 2.0 says; images are sRGB everywhere."""


def import_mesh(path: Path, folder: Path) -> tuple[ObjectSpec, ...]:
    """Writes the meshes and textures of a file into `folder`/input and returns the objects, in Blender's axes.

    Raises:
        EngineError: "mesh_missing", "mesh_unreadable" or "mesh_empty".
    """
    if not path.is_file():
        raise EngineError("mesh_missing", f"The mesh {path.name} is not there.", "Check the path.")
    with reading("mesh_unreadable", f"{path.name} cannot be read as a mesh", "Use a .glb, .obj, .ply or .stl file."):
        return _import(path, folder)


def _import(path: Path, folder: Path) -> tuple[ObjectSpec, ...]:
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"files of the kind {path.suffix!r} are not read")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path.stat().st_size / 1e9:.1f} GB are too many")
    scene = trimesh.load_scene(path, process=False, maintain_order=True)
    if len(scene.graph.nodes_geometry) > MOST_OBJECTS:
        raise ValueError(f"{len(scene.graph.nodes_geometry)} objects are too many; join some of them")
    turn = Y_UP if path.suffix.lower() in Y_UP_SUFFIXES else np.eye(4)
    objects: list[ObjectSpec] = []
    for node in sorted(scene.graph.nodes_geometry):
        transform, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
            continue  # points and curves have nothing to show
        number = len(objects)
        arrays, material = _arrays(mesh, turn, path.suffix.lower() in LINEAR_SUFFIXES, folder, number)
        write_arrays(folder / "input" / f"mesh_{number:03}.npz", arrays)
        matrix = turn @ np.asarray(transform, np.float64) @ np.linalg.inv(turn)
        objects.append(ObjectSpec(f"object_{number:03}", str(node), f"input/mesh_{number:03}.npz", as_matrix(matrix), (material,)))
    if not objects:
        raise EngineError("mesh_empty", f"{path.name} has no faces.", "Use a file with a mesh in it.")
    return tuple(objects)


def as_matrix(matrix: np.ndarray) -> Matrix4:
    """A (4, 4) array as the protocol has it."""
    return tuple(tuple(float(value) for value in row) for row in matrix)


def _arrays(mesh: trimesh.Trimesh, turn: np.ndarray, linear: bool, folder: Path, number: int) -> tuple[dict[str, np.ndarray], MaterialSpec]:
    """The protocol's arrays of one mesh, and its material."""
    faces = np.asarray(mesh.faces, np.int32)
    if faces.min() < 0 or faces.max() >= len(mesh.vertices):
        raise ValueError("a face is made of vertices that are not there")
    vertices = np.asarray(mesh.vertices) @ turn[:3, :3].T
    normals = np.asarray(mesh.vertex_normals) @ turn[:3, :3].T
    count = len(faces)
    uv, colors, material = np.zeros((count, 3, 2)), np.ones((count, 3, 4)), MaterialSpec()
    visual: Any = mesh.visual
    if visual.kind == "texture":
        factor, image = _factor_and_image(visual.material, linear)
        if image is not None and visual.uv is not None:
            uv = np.asarray(visual.uv)[faces]
            material = MaterialSpec("texture", image=_write_texture(image, factor, folder / "input" / f"texture_{number:03}.png"))
        else:
            material = MaterialSpec("flat", base_color=(*linear_to_srgb(factor).tolist(), 1.0))
    elif visual.kind in ("vertex", "face"):
        stored = visual.vertex_colors[faces] if visual.kind == "vertex" else np.repeat(visual.face_colors[:, None], 3, axis=1)
        colors = stored.astype(np.float64) / 255.0
        if linear:
            colors[..., :3] = linear_to_srgb(colors[..., :3])
        material = MaterialSpec("attribute")
    arrays = {
        "vertices": vertices.astype(np.float32),
        "triangles": faces,
        "material": np.zeros(count, np.int32),
        "corner_normal": normals[faces].astype(np.float32),
        "corner_uv": uv.astype(np.float32),
        "corner_color": colors.astype(np.float32),
        "bake_vertices": vertices.astype(np.float32),
    }
    return arrays, material


def _factor_and_image(material: Any, linear: bool) -> tuple[np.ndarray, Image.Image | None]:
    """The linear RGB factor of a trimesh material and its image."""
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    factor = getattr(material, "baseColorFactor", None) if linear else getattr(material, "diffuse", None)
    if factor is None:
        return np.ones(3), image
    values = np.asarray(factor, np.float64).ravel()[:3] / (255.0 if np.asarray(factor).dtype.kind in "ui" else 1.0)
    return (values if linear else srgb_to_linear(values)), image


def _write_texture(image: Image.Image, factor: np.ndarray, path: Path) -> str:
    """Writes the image, times the factor, as an 8-bit PNG; returns its path relative to the job folder."""
    picture = checked(image).convert("RGB")
    if not np.allclose(factor, 1.0, atol=2 / 255):
        levels = linear_to_srgb(srgb_to_linear(np.arange(256) / 255.0) * factor[:, None])
        picture = picture.point((levels * 255.0).round().astype(int).ravel().tolist())
    picture.save(path)
    return f"input/{path.name}"
