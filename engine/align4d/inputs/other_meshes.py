"""Meshes without materials, and OBJ, as a job's objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from ..protocol import MaterialSpec
from .imported import ImportedMesh, Tell
from .obj_import import read_obj


def read_other(path: Path, tell: Tell) -> list[ImportedMesh]:
    """The meshes of a .obj, .ply, .stl or .off file, in its own axes. `tell`: as for `import_mesh`. Raises ValueError and others of the readers'."""
    if path.suffix.lower() == ".obj":
        return read_obj(path, tell)
    scene = trimesh.load_scene(path, process=False, maintain_order=True)
    placed = [(str(node), *scene.graph[node]) for node in sorted(scene.graph.nodes_geometry)]
    meshes = [(node, transform, scene.geometry[name]) for node, transform, name in placed]
    return [_mesh(node, np.asarray(transform, np.float64), mesh) for node, transform, mesh in meshes if isinstance(mesh, trimesh.Trimesh)]


def _mesh(name: str, matrix: np.ndarray, mesh: trimesh.Trimesh) -> ImportedMesh:
    faces = np.asarray(mesh.faces, np.int64)
    visual: Any = mesh.visual
    colored = visual.kind in ("vertex", "face")
    colors = np.ones((len(mesh.vertices), 4))
    corners = None
    if visual.kind == "vertex":
        colors = visual.vertex_colors / 255.0
    material = MaterialSpec("attribute") if colored else MaterialSpec()
    normals, uv = np.asarray(mesh.vertex_normals), np.zeros((len(mesh.vertices), 2))
    if visual.kind == "face":  # every corner is a row of its own
        colors, normals, uv = np.repeat(visual.face_colors / 255.0, 3, axis=0), normals[faces].reshape(-1, 3), uv[faces].reshape(-1, 2)
        corners = np.arange(faces.size).reshape(-1, 3)
    return ImportedMesh(name, matrix, np.asarray(mesh.vertices), faces, normals, uv, colors, [material], [None], None, corners)
