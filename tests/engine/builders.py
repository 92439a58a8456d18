"""Small real inputs that the engine's tests share: meshes as the Blender side writes them, frames as cameras see them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import trimesh

from align4d import protocol

IDENTITY = tuple(tuple(float(value) for value in row) for row in np.eye(4))


def mesh_arrays(vertices: np.ndarray, triangles: np.ndarray, **others: np.ndarray) -> dict[str, np.ndarray]:
    """The protocol's arrays of a mesh with face normals, no colors, and its own vertices to bake."""
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    arrays = {
        "vertices": vertices.astype(np.float32),
        "triangles": triangles.astype(np.int32),
        "material": np.zeros(len(triangles), np.int32),
        "corner_normal": np.repeat(normals[:, None], 3, axis=1).astype(np.float32),
        "corner_uv": np.zeros((len(triangles), 3, 2), np.float32),
        "corner_color": np.ones((len(triangles), 3, 4), np.float32),
        "bake_vertices": vertices.astype(np.float32),
    }
    return arrays | others


def box(*sides: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of a box around the origin."""
    mesh = trimesh.creation.box(extents=sides)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


@dataclasses.dataclass
class Job:
    """A job folder in the making."""

    folder: Path
    objects: list[protocol.ObjectSpec] = dataclasses.field(default_factory=list)

    def add(
        self,
        arrays: dict[str, np.ndarray],
        matrix: np.ndarray | None = None,
        materials: tuple[protocol.MaterialSpec, ...] = (protocol.MaterialSpec(),),
    ) -> None:
        """Adds one object."""
        number = len(self.objects)
        path = self.folder / "input" / f"mesh_{number:03}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        protocol.write_arrays(path, arrays)
        rows = IDENTITY if matrix is None else tuple(tuple(float(value) for value in row) for row in matrix)
        self.objects.append(protocol.ObjectSpec(f"id{number}", f"Object {number}", f"input/{path.name}", rows, materials))

    def request(self, video: protocol.VideoSpec | None = None) -> protocol.Request:
        """The request for what was added."""
        return protocol.Request("job-1", tuple(self.objects), video or protocol.VideoSpec(), protocol.CameraSpec(IDENTITY))

    def write(self, video: protocol.VideoSpec | None = None) -> protocol.Request:
        """Writes request.json."""
        request = self.request(video)
        protocol.write_json(self.folder / "request.json", request)
        return request


def moving_square(count: int, width: int = 96, height: int = 64, background: int = 255) -> np.ndarray:
    """(T, H, W, 4) uint8: an orange square with a hole's worth of detail that moves 3 px a frame to the right."""
    frames = np.full((count, height, width, 4), background, np.uint8)
    frames[..., 3] = 0
    for index in range(count):
        left = 16 + 3 * index
        frames[index, 20:44, left : left + 24] = (230, 120, 40, 255)
        frames[index, 28:36, left + 8 : left + 16] = (60, 40, 30, 255)
    return frames
