"""A textured mesh as an asset of the engine, and as Gaussians on its surface."""

from __future__ import annotations

import numpy as np
import torch

from ..gaussians.surface_bound import FLATNESS, OPACITY, WIDTH
from ..inputs.asset import Asset, AssetObject, Material, Similarity
from ..inputs.sampling import sample_surface
from ..motion.rotations import quaternion_to_normal
from ..rendering import Gaussians
from .solid import Surface
from .textured_mesh import TexturedMesh
from .unwrapping import vertex_normals


def as_asset(mesh: TexturedMesh, name: str = "generated") -> Asset:
    """The mesh as one object whose space is the normalized one."""
    normals = vertex_normals(Surface(mesh.vertices.astype(np.float64), mesh.triangles))
    count = len(mesh.triangles)
    everything = slice(0, len(mesh.vertices)), slice(0, count), slice(0, len(mesh.vertices))
    return Asset(
        vertices=mesh.vertices,
        triangles=mesh.triangles,
        material=np.zeros(count, np.int32),
        corner_normal=normals[mesh.triangles].astype(np.float32),
        corner_uv=mesh.corner_uv,
        corner_color=np.ones((count, 3, 4), np.float32),
        bake_points=mesh.vertices,
        materials=(Material("texture", np.ones(3, np.float32), mesh.texture),),
        objects=(AssetObject(name, name, np.eye(4), *everything),),
        similarity=Similarity(np.zeros(3), 1.0),
    )


def surface_gaussians(mesh: TexturedMesh, count: int, seed: int) -> Gaussians:
    """`count` flat Gaussians spread evenly over the surface, in its colors."""
    samples = sample_surface(as_asset(mesh), count, seed)
    width = WIDTH * float(np.sqrt(samples.area.mean()))
    return Gaussians(
        means=torch.from_numpy(samples.position),
        quats=quaternion_to_normal(torch.from_numpy(samples.face_normal)),
        scales=torch.tensor([width, width, width * FLATNESS]).repeat(len(samples), 1),
        opacities=torch.full((len(samples),), OPACITY),
        colors=torch.from_numpy(samples.color),
    )
