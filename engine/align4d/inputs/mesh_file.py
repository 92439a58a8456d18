"""One mesh file of a job folder: read, checked against protocol.MESH_ARRAYS, moved to the world."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import EngineError
from ..protocol import MESH_ARRAYS, ObjectSpec, inside, read_arrays
from .foreign import reading

SMALLEST_SCALE = 1e-7
"""A world matrix whose smallest singular value lies below this part of its largest has no usable inverse."""


def read_mesh(spec: ObjectSpec, folder: Path) -> dict[str, np.ndarray]:
    """The arrays of one object, in object space.

    Raises:
        EngineError: "mesh_missing", "mesh_unreadable", "mesh_invalid" or "mesh_empty".
        ProtocolError: where it would lie outside of the folder.
    """
    arrays = read_stored(spec, inside(folder, spec.mesh), "mesh")
    _check_shapes(spec, arrays)
    _check_values(spec, arrays)
    return {name: arrays[name] for name in MESH_ARRAYS}


def read_stored(spec: ObjectSpec, path: Path, what: str) -> dict[str, np.ndarray]:
    """The arrays of one of an object's files, unchecked; `what` it holds, in messages.

    Raises:
        EngineError: "mesh_missing" or "mesh_unreadable".
    """
    if not path.is_file():
        raise EngineError("mesh_missing", f'The {what} of "{spec.name}" is not in the job folder.', "Generate again.")
    with reading("mesh_unreadable", f'The {what} of "{spec.name}" cannot be read', "Generate again."):
        return read_arrays(path)


def fits(arrays: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[str, tuple[int | str, ...]]]) -> bool:
    """Whether all wanted arrays are there, of their kinds and shapes, see `BONE_ARRAYS`; a letter stands for the same size everywhere."""
    sizes: dict[str, int] = {}
    for name, (kind, shape) in wanted.items():
        array = arrays.get(name)
        if array is None or array.dtype.kind != kind or array.ndim != len(shape):
            return False
        for side, found in zip(shape, array.shape, strict=True):
            if (sizes.setdefault(side, found) if isinstance(side, str) else side) != found:
                return False
    return True


def world_matrix(spec: ObjectSpec) -> np.ndarray:
    """The (4, 4) float64 object-to-world matrix. Raises EngineError "mesh_invalid", or "matrix_singular" where the bake could not invert it."""
    square = [len(row) for row in spec.matrix_world] == [4] * 4
    matrix = np.array(spec.matrix_world, np.float64) if square else np.full((4, 4), np.nan)
    if not np.isfinite(matrix).all():
        raise EngineError(
            "mesh_invalid", f'The transform of "{spec.name}" is not a 4x4 matrix of numbers.', "Reset its transform and generate again."
        )
    scales = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if not scales[-1] > SMALLEST_SCALE * scales[0]:
        raise EngineError(
            "matrix_singular",
            f'"{spec.name}" is scaled to zero along an axis.',
            "Give it a scale other than zero (or apply the scale) and generate again.",
        )
    return matrix


def move_to_world(mesh: dict[str, np.ndarray], matrix: np.ndarray) -> None:
    """Applies `matrix` (4, 4) to the arrays of `mesh` in place; positions become float64.

    Shading normals go by the inverse transpose. A mirroring matrix turns the winding round, so that faces look outwards again.
    """
    linear, offset = matrix[:3, :3], matrix[:3, 3]
    for name in ("vertices", "bake_vertices"):
        mesh[name] = mesh[name].astype(np.float64) @ linear.T + offset
    mesh["corner_normal"] = mesh["corner_normal"] @ np.linalg.inv(linear).astype(np.float32)
    if np.linalg.det(linear) < 0:
        for name in ("triangles", "corner_normal", "corner_uv", "corner_color"):
            mesh[name] = np.ascontiguousarray(mesh[name][:, [0, 2, 1]])
    _repair_normals(mesh)


def _repair_normals(mesh: dict[str, np.ndarray]) -> None:
    """Unit corner normals; where a file has none (zero or not a number), the face's own."""
    normals = mesh["corner_normal"]
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    good = np.isfinite(length) & (length > 1e-20)
    normals = np.divide(normals, length, out=np.zeros_like(normals), where=good)
    face, corner = np.nonzero(~good[..., 0])
    if len(face):
        a, b, c = (mesh["vertices"][mesh["triangles"][face, i]] for i in range(3))
        cross = np.cross(b - a, c - a)
        normals[face, corner] = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)
    mesh["corner_normal"] = normals


def _check_shapes(spec: ObjectSpec, arrays: dict[str, np.ndarray]) -> None:
    sizes: dict[str, int] = {}
    for name, (dtype, shape) in MESH_ARRAYS.items():
        array = arrays.get(name)
        if array is None:
            raise invalid(spec, f'"{name}" is missing')
        if array.dtype != np.dtype(dtype) or array.ndim != len(shape):
            raise invalid(spec, f'"{name}" is {array.dtype} {array.shape}, not {dtype} {shape}')
        for wanted, have in zip(shape, array.shape, strict=True):
            if have != (sizes.setdefault(wanted, have) if isinstance(wanted, str) else wanted):
                raise invalid(spec, f'"{name}" has the shape {array.shape}, not {shape}')
    if not sizes["V"] or not sizes["F"] or not sizes["B"]:
        raise EngineError("mesh_empty", f'"{spec.name}" has no faces.', "Select a mesh with faces, or leave this object out.")


def _check_values(spec: ObjectSpec, arrays: dict[str, np.ndarray]) -> None:
    triangles = arrays["triangles"]
    if triangles.min() < 0 or triangles.max() >= len(arrays["vertices"]):
        raise invalid(spec, "a triangle points at a vertex that is not there")
    for name in ("vertices", "bake_vertices"):
        if not np.isfinite(arrays[name]).all():
            raise EngineError(
                "mesh_invalid",
                f'"{spec.name}" has vertices whose position is not a number.',
                "Check its modifiers, or remove these vertices, and generate again.",
            )
    for name in ("corner_uv", "corner_color"):  # artists' files have stray ones; they concern single samples' color only
        arrays[name] = np.nan_to_num(arrays[name], nan=0.0, posinf=0.0, neginf=0.0)


def invalid(spec: ObjectSpec, what: str) -> EngineError:
    """The error that `what` is not as the protocol says."""
    return EngineError("mesh_invalid", f'The mesh of "{spec.name}" does not follow the protocol: {what}.', "Update the extension and generate again.")
