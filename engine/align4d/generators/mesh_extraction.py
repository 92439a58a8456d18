"""The surface of an asset that is made of Gaussians only: extracted once, with one UV map and one texture."""

from __future__ import annotations

import numpy as np
import torch

from ..cameras.orbit import Orbit, intrinsics_for
from ..errors import EngineError
from ..job.reporting import Reporter
from ..reconstruction.depth_fusion import HALF, DepthViews, fuse
from ..reconstruction.texture import HIDDEN, LEAST_COVERAGE, Witness, in_texture, mean_of
from ..reconstruction.textured_mesh import TexturedMesh
from ..reconstruction.unwrapping import unwrap, vertex_normals
from ..rendering import Cameras, Gaussians, rasterize
from .interfaces import GeneratedAsset
from .occupancy import occupancy

DISTANCE, FOVY, SIDE = 2.5, 32.0, 256
"""Of the views that the surface is made of: longest sides, degrees, px; the whole normalized object fits."""

ELEVATIONS, AROUND = (-50.0, -15.0, 20.0, 55.0), 7
"""Rings of views, and views in each [degrees]."""

CELLS, SMOOTHING, TEXTURE_SIDE = 72, 10, 1024
"""Of the grid along a side; iterations of the filter; of the texture [px]."""


def extract_mesh(asset: GeneratedAsset, report: Reporter) -> TexturedMesh:
    """A closed mesh where the Gaussians look solid, in the same space.

    Raises:
        EngineError: "no_surface" where they nowhere do.
    """
    views = _views(asset.gaussians, report)
    try:
        surface = fuse(views, CELLS, SMOOTHING, occupancy(asset.gaussians, CELLS, HALF).numpy())
    except ValueError as error:
        raise EngineError(
            "no_surface", "The Gaussians have no surface: nothing of them is solid.", "Use an asset that is opaque, or another picture."
        ) from error
    unwrapped = unwrap(surface, TEXTURE_SIDE)
    place = unwrapped.at_texels(surface.vertices), unwrapped.at_texels(vertex_normals(surface))
    color = mean_of(_witnesses(views), surface, place, np.full(place[0].shape, 0.5), power=6)
    return TexturedMesh(surface.vertices.astype(np.float32), surface.triangles, unwrapped.corner_uv, in_texture(unwrapped, color, TEXTURE_SIDE))


def _views(gaussians: Gaussians, report: Reporter) -> DepthViews:
    orbits = [Orbit(360 * (i + 0.5 * (ring % 2)) / AROUND, height, DISTANCE) for ring, height in enumerate(ELEVATIONS) for i in range(AROUND)]
    poses = torch.from_numpy(np.stack([orbit.world_to_camera() for orbit in orbits])).float().to(gaussians.means.device)
    cameras = Cameras(poses, torch.from_numpy(intrinsics_for(FOVY, SIDE, SIDE)).to(poses).expand(len(poses), 3, 3))
    seen = []
    for index in range(len(orbits)):
        report.check_cancelled()
        one = Cameras(cameras.viewmats[index : index + 1], cameras.Ks[index : index + 1])
        with torch.no_grad():
            seen.append(rasterize(gaussians, one, (SIDE, SIDE), depth=True))
        report.progress(index + 1, len(orbits))
    color, alpha = (torch.cat([getattr(one, name) for one in seen]).cpu() for name in ("color", "alpha"))
    depth = torch.cat([one.depth for one in seen if one.depth is not None]).cpu() / alpha.clamp_min(1e-6)
    return DepthViews(color, alpha, depth, cameras)


def _witnesses(views: DepthViews) -> list[Witness]:
    alpha = views.alpha[:, 0]
    color = ((views.color - (1 - views.alpha)) / views.alpha.clamp_min(LEAST_COVERAGE)).clamp(0, 1)
    poses, lenses = (matrices.double().cpu().numpy() for matrices in (views.cameras.viewmats, views.cameras.Ks))
    return [Witness(*one, HIDDEN) for one in zip(color, alpha, poses, lenses, strict=True)]
