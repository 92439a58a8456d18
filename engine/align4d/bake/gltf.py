"""A generated mesh with its whole motion as one binary glTF 2.0: one mesh, one texture, a morph target for every frame after the first.

Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html, and KHR_materials_unlit: the texture holds the video's light.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from ..inputs.mesh_import import Y_UP
from ..protocol import replacing

FLOAT, UNSIGNED_INT = 5126, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942


class _Buffer:
    """The binary chunk while it grows, with its views and accessors."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []

    def add_bytes(self, content: bytes, target: int = 0) -> int:
        """Appends, at a multiple of 4; the index of its view."""
        self.data.extend(b"\0" * (-len(self.data) % 4))
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        self.views.append({**view, "target": target} if target else view)
        self.data.extend(content)
        return len(self.views) - 1

    def add(self, array: np.ndarray, kind: str, target: int = 0, bounds: bool = False) -> int:
        """Appends (N,) or (N, C) float32 or uint32; the index of its accessor. `bounds`: with its least and largest values."""
        accessor: dict[str, Any] = {
            "bufferView": self.add_bytes(np.ascontiguousarray(array).tobytes(), target),
            "componentType": FLOAT if array.dtype == np.float32 else UNSIGNED_INT,
            "count": len(array),
            "type": kind,
        }
        if bounds:
            rows = array.reshape(len(array), -1)
            accessor |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def write_gltf(path: Path, name: str, triangles: np.ndarray, corner_uv: np.ndarray, image: bytes, motion: np.ndarray, fps: float) -> None:
    """Writes a .glb, whole or not at all. Raises OSError.

    Args:
        name: of node and mesh.
        triangles: (F, 3); corner_uv: (F, 3, 2), v upwards.
        image: a PNG file.
        motion: (T, V, 3) world positions, Z up; the first frame is the mesh's own shape.
        fps: frames a second.
    """
    corner, index = _split_at_seams(triangles, corner_uv)
    vertex, uv = corner
    turned = (motion @ Y_UP[:3, :3]).astype(np.float32)  # the transpose of Y_UP's inverse is itself
    buffer = _Buffer()
    attributes = {
        "POSITION": buffer.add(turned[0][vertex], "VEC3", ARRAY_BUFFER, bounds=True),
        "TEXCOORD_0": buffer.add(np.stack([uv[:, 0], 1 - uv[:, 1]], 1), "VEC2", ARRAY_BUFFER),
    }
    indices = buffer.add(index.astype(np.uint32), "SCALAR", ELEMENT_ARRAY_BUFFER)
    targets = [{"POSITION": buffer.add((turned[frame] - turned[0])[vertex], "VEC3", bounds=True)} for frame in range(1, len(turned))]
    primitive = {"attributes": attributes, "indices": indices, "material": 0, "targets": targets}
    weights = np.eye(len(turned), len(turned) - 1, -1, dtype=np.float32)
    times = (np.arange(len(turned)) / fps).astype(np.float32)
    sampler = {"input": buffer.add(times, "SCALAR", bounds=True), "output": buffer.add(weights.ravel(), "SCALAR"), "interpolation": "LINEAR"}
    picture = buffer.add_bytes(image)
    _write(
        path,
        {
            "asset": {"version": "2.0", "generator": "Align4D"},
            "extensionsUsed": ["KHR_materials_unlit"],
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"name": name, "mesh": 0}],
            "meshes": [{"name": name, "primitives": [primitive], "weights": [0.0] * len(targets)}],
            "materials": [
                {
                    "name": name,
                    "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 1.0},
                    "extensions": {"KHR_materials_unlit": {}},
                }
            ],
            "textures": [{"source": 0}],
            "images": [{"bufferView": picture, "mimeType": "image/png"}],
            "animations": [{"name": name, "samplers": [sampler], "channels": [{"sampler": 0, "target": {"node": 0, "path": "weights"}}]}],
            "accessors": buffer.accessors,
            "bufferViews": buffer.views,
            "buffers": [{"byteLength": len(buffer.data)}],
        },
        bytes(buffer.data),
    )


def _split_at_seams(triangles: np.ndarray, corner_uv: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """glTF has one UV for each vertex: ((S,) vertex, (S, 2) float32 uv) of the split vertices, and (3F,) which of them each corner is."""
    keys = np.empty(triangles.size, dtype=[("vertex", np.int64), ("u", np.float32), ("v", np.float32)])
    keys["vertex"], keys["u"], keys["v"] = triangles.ravel(), corner_uv[..., 0].ravel(), corner_uv[..., 1].ravel()
    unique, index = np.unique(keys, return_inverse=True)
    return (unique["vertex"], np.stack([unique["u"], unique["v"]], 1)), index.ravel()


def _write(path: Path, scene: dict[str, Any], binary: bytes) -> None:
    text = json.dumps(scene, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    with replacing(path) as file:
        file.write(struct.pack("<III", MAGIC, 2, 12 + 8 + len(text) + 8 + len(binary)))
        file.write(struct.pack("<II", len(text), JSON_CHUNK) + text)
        file.write(struct.pack("<II", len(binary), BINARY_CHUNK) + binary)
