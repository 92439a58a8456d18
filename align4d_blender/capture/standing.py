"""The selected meshes as they stand, and the start camera that sees them, as one small file: what a silhouette is drawn from."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ...engine.align4d.protocol import replacing
from ..errors import UserError
from .camera import camera_of
from .choices import selected_meshes
from .meshes import read, vertices_of
from .reference import reference_of


def write_standing(context: bpy.types.Context, path: Path) -> None:
    """Writes an .npz file: vertices (V, 3) in world space, triangles (F, 3), the camera's matrix_world (4, 4), and its fovy.

    Raises:
        UserError: "no_mesh", and as for `camera_of` and `reference_of`.
    """
    found = [_evaluated(item, context) for item in selected_meshes(context)]
    if not any(len(triangles) for _, triangles in found):
        raise UserError("no_mesh", "No mesh with faces is selected.", "Select the mesh that the video is to move.")
    vertices = np.concatenate([one for one, _ in found])
    firsts = np.cumsum([0, *(len(one) for one, _ in found[:-1])])
    triangles = np.concatenate([one + first for (_, one), first in zip(found, firsts, strict=True)])
    seen = camera_of(context, reference_of(context.scene), vertices.min(axis=0), vertices.max(axis=0))
    with replacing(path) as file:
        np.savez(file, vertices=vertices.astype(np.float32), triangles=triangles, matrix_world=np.array(seen.matrix_world), fovy=seen.fovy)


def _evaluated(item: bpy.types.Object, context: bpy.types.Context) -> tuple[np.ndarray, np.ndarray]:
    """World places (V, 3) and triangles (F, 3) int32 of a mesh with all that moves it."""
    shown = item.evaluated_get(context.evaluated_depsgraph_get())
    mesh = shown.to_mesh()
    try:
        mesh.calc_loop_triangles()
        matrix = np.array(shown.matrix_world)
        return vertices_of(mesh) @ matrix[:3, :3].T + matrix[:3, 3], read(mesh.loop_triangles, "vertices", 3, np.int32)
    finally:
        shown.to_mesh_clear()
