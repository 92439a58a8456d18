"""A generated asset as files of a job: its mesh as an object like the artist's own, its Gaussians as arrays."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..cameras.orbit import Orbit
from ..errors import writing
from ..protocol import GENERATED, MaterialSpec, Matrix4, ObjectSpec, read_arrays, replacing, write_arrays
from ..reconstruction.textured_mesh import TexturedMesh
from ..rendering import Gaussians
from .interfaces import GeneratedAsset

NAME = "Generated"
GAUSSIANS = f"input/{GENERATED}_gaussians.npz"


def write_object(mesh: TexturedMesh, folder: Path, matrix_world: Matrix4) -> ObjectSpec:
    """Writes mesh and texture into `folder`/input.

    Args:
        folder: of the job.
        matrix_world: from the mesh's space to the world.

    Raises: EngineError "disk_full" or "cannot_write".
    """
    place = folder / "input"
    count = len(mesh.triangles)
    arrays = {
        "vertices": mesh.vertices.astype(np.float32),
        "triangles": mesh.triangles.astype(np.int32),
        "material": np.zeros(count, np.int32),
        "corner_normal": _vertex_normals(mesh)[mesh.triangles].astype(np.float32),
        "corner_uv": mesh.corner_uv.astype(np.float32),
        "corner_color": np.ones((count, 3, 4), np.float32),
        "bake_vertices": mesh.vertices.astype(np.float32),
    }
    with writing():
        place.mkdir(parents=True, exist_ok=True)
        write_arrays(place / f"{GENERATED}.npz", arrays)
        with replacing(place / f"{GENERATED}.png") as file:
            Image.fromarray(mesh.texture).save(file, format="PNG")
    material = MaterialSpec("texture", image=f"input/{GENERATED}.png")
    return ObjectSpec(GENERATED, NAME, f"input/{GENERATED}.npz", matrix_world, (material,))


def keep_gaussians(gaussians: Gaussians | None, folder: Path) -> None:
    """Leaves the Gaussians that an asset consists of beside the mesh that was extracted from them, in the space of that mesh.

    Args:
        gaussians: None where the asset is a mesh; then none are left there.
        folder: of the job.

    Raises: EngineError "disk_full" or "cannot_write".
    """
    with writing():
        if gaussians is None:
            (folder / GAUSSIANS).unlink(missing_ok=True)
            return
        (folder / GAUSSIANS).parent.mkdir(parents=True, exist_ok=True)
        write_arrays(folder / GAUSSIANS, {name: tensor.cpu().numpy() for name, tensor in gaussians.named().items()})


def kept_gaussians(folder: Path) -> Gaussians | None:
    """What `keep_gaussians` left; None where the asset is a mesh."""
    if not (folder / GAUSSIANS).is_file():
        return None
    stored = read_arrays(folder / GAUSSIANS)
    return Gaussians(*(torch.from_numpy(stored[name]) for name in ("means", "quats", "scales", "opacities", "colors")))


def arrays_of(asset: GeneratedAsset) -> dict[str, np.ndarray]:
    """A whole asset as arrays, for files."""
    arrays = {name: tensor.cpu().numpy() for name, tensor in asset.gaussians.named().items()}
    arrays["camera"] = np.array([*dataclasses.astuple(asset.camera), asset.exact])
    if asset.mesh:
        arrays |= {f"mesh.{name}": array for name, array in vars(asset.mesh).items()}
    return arrays


def asset_from(arrays: dict[str, np.ndarray]) -> GeneratedAsset:
    """From `arrays_of`."""
    gaussians = Gaussians(*(torch.from_numpy(arrays[name]) for name in ("means", "quats", "scales", "opacities", "colors")))
    *camera, exact = (float(number) for number in arrays["camera"])
    mesh = {name.removeprefix("mesh."): array for name, array in arrays.items() if name.startswith("mesh.")}
    return GeneratedAsset(gaussians, Orbit(*camera), TexturedMesh(**mesh) if mesh else None, bool(exact))


def write_asset(asset: GeneratedAsset, path: Path) -> None:
    """Stores a whole asset."""
    write_arrays(path, arrays_of(asset))


def read_asset(path: Path) -> GeneratedAsset:
    """What `write_asset` stored."""
    return asset_from(read_arrays(path))


def _vertex_normals(mesh: TexturedMesh) -> np.ndarray:
    """(V, 3) unit normals, weighted by area."""
    a, b, c = (mesh.vertices[mesh.triangles[:, corner]].astype(np.float64) for corner in range(3))
    cross = np.cross(b - a, c - a)
    normals = np.zeros((len(mesh.vertices), 3))
    for corner in range(3):
        np.add.at(normals, mesh.triangles[:, corner], cross)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
