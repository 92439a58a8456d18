"""The light of a case's video, for drawing its asset from every side.

The engine's own light (spherical harmonics) explains what the video shows; what the video does not show it may make
black. Here the back is drawn as well, so the model is one that cannot go astray there: an even light, a sun, and
what a glossy surface reflects of a white sky, all of them gray.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import least_squares

from align4d.alignment.lighting import to_linear, to_srgb
from align4d.alignment.reference import Reference
from align4d.inputs.asset import Asset
from align4d.inputs.colors import colors_at
from align4d.rendering.zbuffer import render_surface


@dataclass(frozen=True)
class SunAndSky:
    """Lambert's law in linear RGB.

    Attributes:
        sky, sun: brightness of the even light and of the sun.
        sheen: what is reflected whatever the surface's color.
        direction: (3,) unit vector towards the sun.
        error: median error in sRGB where it was fitted.
    """

    sky: float
    sun: float
    sheen: float
    direction: np.ndarray
    error: float = 0.0

    def shade(self, albedo: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """(N, 3) sRGB of surfaces with linear `albedo` (N, 3) and unit `normals` (N, 3)."""
        light = self.sky + self.sun * np.maximum(normals @ self.direction, 0.0)
        return to_srgb(torch.from_numpy(albedo * light[:, None] + self.sheen)).clamp(0, 1).numpy()


def fit_light(asset: Asset, reference: Reference, world_to_camera: np.ndarray) -> SunAndSky:
    """The light that explains the reference's first frame, which shows the asset in its rest pose. Highlights and cast shadows count little."""
    seen = render_surface(asset.vertices, asset.triangles, world_to_camera, reference.intrinsics, reference.size)
    covered = (seen.triangle >= 0) & (reference.alpha[0, 0].numpy() > 0.99)
    triangle, barycentric = seen.triangle[covered], seen.barycentric[covered]
    albedo = linear_albedo(asset, triangle, barycentric)
    normals = interpolated(asset.corner_normal, triangle, barycentric)
    observed = reference.color[0].numpy().transpose(1, 2, 0)[covered]

    def light(values: np.ndarray) -> SunAndSky:
        direction = values[3:] / max(float(np.linalg.norm(values[3:])), 1e-9)
        sky, sun, sheen = values[:3].tolist()
        return SunAndSky(sky, sun, sheen, direction)

    def errors(values: np.ndarray) -> np.ndarray:
        return (light(values).shade(albedo, normals) - observed).ravel()

    from_above = -world_to_camera[2, :3] + (0.0, 0.0, 0.5)
    start = np.concatenate([[0.5, 0.5, 0.01], from_above])
    lowest = np.concatenate([np.zeros(3), np.full(3, -np.inf)])
    found = least_squares(errors, start, bounds=(lowest, np.inf), loss="soft_l1", f_scale=0.03)
    return replace(light(found.x), error=float(np.median(np.abs(errors(found.x)))))


def linear_albedo(asset: Asset, triangle: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """(N, 3) linear RGB of the material."""
    return to_linear(torch.from_numpy(colors_at(asset, triangle, barycentric))).double().numpy()


def interpolated(corner_normal: np.ndarray, triangle: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """(N, 3) unit normals."""
    normal = np.einsum("nkc,nk->nc", corner_normal[triangle], barycentric)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
