"""The container of binary glTF 2.0: a JSON scene, and one buffer with its views and accessors.

Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from ..protocol import replacing

COMPONENTS = {np.dtype(np.float32): 5126, np.dtype(np.uint32): 5125, np.dtype(np.uint16): 5123}
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942


class Buffer:
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
        """Appends (N,) or (N, C) of a type in COMPONENTS; the index of its accessor. `bounds`: with its least and largest values."""
        accessor: dict[str, Any] = {
            "bufferView": self.add_bytes(np.ascontiguousarray(array).tobytes(), target),
            "componentType": COMPONENTS[array.dtype],
            "count": len(array),
            "type": kind,
        }
        if bounds:
            rows = array.reshape(len(array), -1)
            accessor |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def split_at_seams(triangles: np.ndarray, corner_uv: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """glTF has one UV for each vertex: ((S,) vertex, (S, 2) float32 uv) of the split vertices, and (3F,) which of them each corner is."""
    keys = np.empty(triangles.size, dtype=[("vertex", np.int64), ("u", np.float32), ("v", np.float32)])
    keys["vertex"], keys["u"], keys["v"] = triangles.ravel(), corner_uv[..., 0].ravel(), corner_uv[..., 1].ravel()
    unique, index = np.unique(keys, return_inverse=True)
    return (unique["vertex"], np.stack([unique["u"], unique["v"]], 1)), index.ravel()


def write_glb(path: Path, scene: dict[str, Any], buffer: Buffer) -> None:
    """Writes a scene, which gets the buffer's lists, whole or not at all. Raises OSError."""
    binary = bytes(buffer.data)
    scene = {**scene, "accessors": buffer.accessors, "bufferViews": buffer.views, "buffers": [{"byteLength": len(binary)}]}
    text = json.dumps(scene, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    with replacing(path) as file:
        file.write(struct.pack("<III", MAGIC, 2, 12 + 8 + len(text) + 8 + len(binary)))
        file.write(struct.pack("<II", len(text), JSON_CHUNK) + text)
        file.write(struct.pack("<II", len(binary), BINARY_CHUNK) + binary)
