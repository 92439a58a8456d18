"""A generated mesh with its whole motion as one binary glTF 2.0: one mesh, one texture, a morph target for every frame after the first.

Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html, and KHR_materials_unlit: the texture holds the video's light.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..inputs.mesh_import import Y_UP
from .glb_file import ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER, Buffer, split_at_seams, write_glb


def write_gltf(path: Path, name: str, triangles: np.ndarray, corner_uv: np.ndarray, image: bytes, motion: np.ndarray, fps: float) -> None:
    """Writes a .glb, whole or not at all. Raises OSError.

    Args:
        name: of node and mesh.
        triangles: (F, 3); corner_uv: (F, 3, 2), v upwards.
        image: a PNG file.
        motion: (T, V, 3) world positions, Z up; the first frame is the mesh's own shape.
        fps: frames a second.
    """
    corner, index = split_at_seams(triangles, corner_uv)
    vertex, uv = corner
    turned = (motion @ Y_UP[:3, :3]).astype(np.float32)  # the transpose of Y_UP's inverse is itself
    buffer = Buffer()
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
    write_glb(
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
        },
        buffer,
    )
