"""A figure of two shells, filmed by exact rendering: what the tests of the alignment and the motion share."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
import trimesh
from builders import IDENTITY, Job, mesh_arrays

from align4d.alignment.lighting import Lighting, to_linear, unlit
from align4d.alignment.reference import Reference, make_reference
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.gaussians.surface_bound import BoundGaussians, GaussianSettings, bind_gaussians
from align4d.inputs.asset import Asset, load_asset
from align4d.inputs.colors import colors_at
from align4d.inputs.masks import judge
from align4d.inputs.video import Clip
from align4d.job.reporting import RecordingReporter
from align4d.motion.parts import PartSettings
from align4d.protocol import MaterialSpec, Request, VideoSpec
from align4d.rendering.zbuffer import SurfaceImage, render_surface

FOVY = 40.0
FINER = 4
"""Samples of a pixel along each axis."""
TWO_PARTS = PartSettings(compact_size=1.0, compact_ratio=2.0)
"""With these each of the puppet's two shells is one part."""
ATTRIBUTE = (MaterialSpec("attribute"),)

Mesh = tuple[np.ndarray, np.ndarray]


def block(sides: tuple[float, float, float], center: tuple[float, float, float], edge: float = 0.08) -> Mesh:
    """A finely divided box."""
    mesh = trimesh.creation.box(extents=sides)
    vertices, triangles = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces, edge)
    return np.asarray(vertices) + center, np.asarray(triangles)


def joined(*meshes: Mesh) -> Mesh:
    """All of them as one mesh."""
    offsets = np.cumsum([0] + [len(vertices) for vertices, _ in meshes])
    return np.concatenate([vertices for vertices, _ in meshes]), np.concatenate(
        [triangles + offset for (_, triangles), offset in zip(meshes, offsets, strict=False)]
    )


def puppet() -> Mesh:
    """A body and, to its right, a lighter wing that touches it along one edge: two compact shells, different from every side."""
    return joined(block((0.5, 0.35, 0.6), (-0.25, 0.0, 0.0)), block((0.45, 0.14, 0.34), (0.24, -0.05, 0.06)))


def pattern(points: np.ndarray) -> np.ndarray:
    """(..., 3) smooth colors that differ everywhere."""
    x, y, z = np.moveaxis(points, -1, 0)
    waves = [np.sin(9 * x + 3 * z), np.sin(8 * z - 4 * y + 1), np.sin(7 * y + 5 * x * z - 5 * x)]
    return 0.5 + 0.35 * np.stack(waves, axis=-1)


def add_mesh(job: Job, mesh: Mesh) -> None:
    """Adds a mesh in the colors of `pattern` to the job."""
    vertices, triangles = mesh
    colors = np.ones((len(triangles), 3, 4), np.float32)
    colors[..., :3] = pattern(vertices[triangles])
    job.add(mesh_arrays(vertices, triangles, corner_color=colors), materials=ATTRIBUTE)


def asset_of(job: Job, mesh: Mesh) -> Asset:
    """The mesh as the engine reads it."""
    add_mesh(job, mesh)
    return load_asset(job.request(), job.folder)


def bound(asset: Asset, count: int = 1500, iterations: int = 30) -> BoundGaussians:
    """Its Gaussians, few."""
    settings = GaussianSettings(count=count, fit_iterations=iterations, fit_views=8, fit_size=80)
    return bind_gaussians(asset, settings, 0, "cpu", "cpu", RecordingReporter())


@dataclasses.dataclass(frozen=True)
class Studio:
    """A camera that films the asset.

    Attributes:
        camera: where it stands.
        size: height and width of the pictures [px].
        lighting: of the scene.
        fovy: vertical field of view [degrees].
        path: where the camera stands in each frame; () where it stands still.
    """

    camera: Orbit
    size: tuple[int, int] = (120, 160)
    lighting: Lighting = dataclasses.field(default_factory=unlit)
    fovy: float = FOVY
    path: tuple[Orbit, ...] = ()

    def picture(self, asset: Asset, vertices: np.ndarray) -> np.ndarray:
        """(H, W, 4) uint8 with straight alpha, anti-aliased."""
        height, width = self.size
        intrinsics = np.diag([FINER, FINER, 1]) @ intrinsics_for(self.fovy, width, height)
        seen = render_surface(vertices, asset.triangles, self.camera.world_to_camera(), intrinsics, (FINER * height, FINER * width))
        covered = seen.triangle >= 0
        samples = np.zeros((*covered.shape, 4), np.float32)
        samples[covered, :3] = self.colors(asset, vertices, seen, covered)
        samples[covered, 3] = 1
        mean = samples.reshape(height, FINER, width, FINER, 4).mean(axis=(1, 3))
        mean[..., :3] /= np.maximum(mean[..., 3:], 1e-6)
        return (255 * mean).round().astype(np.uint8)

    def colors(self, asset: Asset, vertices: np.ndarray, seen: SurfaceImage, covered: np.ndarray) -> np.ndarray:
        """(M, 3) sRGB of the covered samples, shaded by the way that the faces are turned now."""
        triangle = seen.triangle[covered]
        a, b, c = np.moveaxis(vertices[asset.triangles[triangle]], 1, 0)
        cross = np.cross(b - a, c - a)
        normals = torch.from_numpy(cross / np.linalg.norm(cross, axis=1, keepdims=True)).float()
        albedo = to_linear(torch.from_numpy(colors_at(asset, triangle, seen.barycentric[covered])))
        return self.lighting.shade(albedo, normals).numpy()

    def film(self, asset: Asset, motion: np.ndarray) -> np.ndarray:
        """(T, H, W, 4) uint8 of vertices (T, V, 3)."""
        places = self.path or (self.camera,) * len(motion)
        return np.stack([dataclasses.replace(self, camera=place).picture(asset, vertices) for place, vertices in zip(places, motion, strict=True)])

    def reference(self, asset: Asset, motion: np.ndarray, resolution: int) -> Reference:
        """The film as the optimization sees it."""
        frames = self.film(asset, motion)
        alpha = frames[..., 3]
        shown = frames[..., :3].astype(np.float32) * (alpha[..., None] / 255) + 255 - alpha[..., None].astype(np.float32)
        height, width = self.size
        clip = Clip(shown.round().astype(np.uint8), alpha, 24.0, (width, height))
        return make_reference(clip, judge(alpha.astype(np.float32) / 255, "alpha"), self.fovy, resolution)


def request_for(job: Job, images: tuple[str, ...], settings: dict[str, object], matrix: np.ndarray | None = None) -> Request:
    """The request for the job's meshes and a video of images."""
    request = job.request(VideoSpec(images=images, fps=24.0))
    rows = IDENTITY if matrix is None else tuple(tuple(float(x) for x in row) for row in matrix)
    camera = dataclasses.replace(request.camera, matrix_world=rows, fovy=FOVY)
    return dataclasses.replace(request, camera=camera, settings=settings, preset="draft", backend="cpu", device="cpu")
