"""Mesh files (glTF, OBJ, PLY, STL, ...) as a job's objects: what the Blender side does with a scene, for the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import EngineError, writing
from ..protocol import MaterialSpec, ObjectSpec, as_matrix, write_arrays
from .foreign import reading
from .gltf_import import read_gltf
from .imported import ImportedMesh, Tell
from .through_blender import read_through_blender

SUFFIXES = {".glb", ".gltf", ".obj", ".ply", ".stl", ".off"}
"""What is read here."""

MOST_BYTES = 2_000_000_000
"""Of one file."""

Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""From the axes of glTF and OBJ (Y up, looking at +Z) to Blender's (Z up, looking at -Y), as Blender's importers turn them."""
Y_UP_SUFFIXES = {".glb", ".gltf", ".obj"}


def import_mesh(path: Path, folder: Path, tell: Tell) -> tuple[ObjectSpec, ...]:
    """Writes the meshes, textures and bones of a file into `folder`/input and returns the objects, in Blender's axes.

    Args:
        tell: is given a sentence for each file that is named and not there, or lies outside the file's folder.

    Raises:
        EngineError: "mesh_missing", "mesh_unreadable", "mesh_compressed", "mesh_needs_blender", "gltf_unreadable" or "mesh_empty";
            "disk_full" or "cannot_write" where the job's folder cannot be written to.
    """
    if not path.is_file():
        raise EngineError("mesh_missing", f"The mesh {path.name} is not there.", "Check the path.")
    with reading("mesh_unreadable", f"{path.name} cannot be read as a mesh", "Use a .glb, .obj, .ply or .stl file."):
        meshes = [mesh for mesh in _read(path, tell) if len(mesh.triangles)]  # points and curves have nothing to show
        if not meshes:
            raise EngineError("mesh_empty", f"{path.name} has no faces.", "Use a file with a mesh in it.")
        turn = Y_UP if path.suffix.lower() in Y_UP_SUFFIXES else np.eye(4)
        return _written(meshes, turn, folder)


def _read(path: Path, tell: Tell) -> list[ImportedMesh]:
    suffix = path.suffix.lower()
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path.stat().st_size / 1e9:.1f} GB are too many")
    if suffix == ".fbx":
        return read_through_blender(path, tell)
    if suffix not in SUFFIXES:
        raise ValueError(f"files of the kind {path.suffix!r} are not read")
    if suffix in (".glb", ".gltf"):
        return read_gltf(path, tell)
    from .other_meshes import read_other  # imports trimesh, half a second: not for a mesh that Blender has given

    return read_other(path, tell)


def _written(meshes: list[ImportedMesh], turn: np.ndarray, folder: Path) -> tuple[ObjectSpec, ...]:
    """Meshes as files of a job, turned to Blender's axes; a picture that several slots show is written once."""
    paths: dict[int, str] = {}
    objects = []
    for number, mesh in enumerate(meshes):
        arrays = _arrays(mesh, turn)
        with writing():
            write_arrays(folder / "input" / f"mesh_{number:03}.npz", arrays)
            bones = _written_bones(mesh, turn, folder, f"input/bones_{number:03}.npz")
        materials = tuple(
            material if image is None else MaterialSpec("texture", image=_texture(image, paths, folder))
            for material, image in zip(mesh.materials, mesh.images, strict=True)
        )
        matrix = as_matrix(turn @ mesh.matrix @ np.linalg.inv(turn))
        objects.append(ObjectSpec(f"object_{number:03}", mesh.name, f"input/mesh_{number:03}.npz", matrix, materials, bones))
    return tuple(objects)


def _arrays(mesh: ImportedMesh, turn: np.ndarray) -> dict[str, np.ndarray]:
    """The protocol's arrays of a mesh."""
    faces = mesh.triangles.astype(np.int32)
    if faces.min() < 0 or faces.max() >= len(mesh.vertices):
        raise ValueError("a face is made of vertices that are not there")
    corner = faces if mesh.corners is None else mesh.corners
    vertices = (mesh.vertices @ turn[:3, :3].T).astype(np.float32)
    return {
        "vertices": vertices,
        "triangles": faces,
        "material": np.zeros(len(faces), np.int32) if mesh.slot is None else mesh.slot.astype(np.int32),
        "corner_normal": (mesh.normals @ turn[:3, :3].T).astype(np.float32)[corner],
        "corner_uv": mesh.uv.astype(np.float32)[corner],
        "corner_color": mesh.colors.astype(np.float32)[corner],
        "bake_vertices": vertices,
    }


def _written_bones(mesh: ImportedMesh, turn: np.ndarray, folder: Path, name: str) -> str:
    """Writes the bones of a mesh as file `name` of the job's folder; returns that, "" where none moves it."""
    if mesh.bones is None or not mesh.bones.weights.nnz:
        return ""
    moved = mesh.bones.weights.tocoo()
    head = (mesh.bones.head @ turn[:3, :3].T).astype(np.float32)
    arrays = {
        "names": np.array(mesh.bones.names),
        "parent": mesh.bones.parent.astype(np.int32),
        "head": np.nan_to_num(head, posinf=0, neginf=0),  # a bone that is nowhere moves no vertex that is somewhere
        "vertex": moved.row.astype(np.int32),
        "bone": moved.col.astype(np.int32),
        "weight": moved.data,
    }
    write_arrays(folder / name, arrays)
    return name


def _texture(image: Image.Image, paths: dict[int, str], folder: Path) -> str:
    """Writes an image as a PNG; returns its path relative to the job folder. `paths`: of those that are written already, by identity."""
    if id(image) not in paths:
        paths[id(image)] = f"input/texture_{len(paths):03}.png"
        with writing():
            image.save(folder / paths[id(image)])
    return paths[id(image)]
