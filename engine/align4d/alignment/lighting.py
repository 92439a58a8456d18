"""The light of the video, from its first frame: why a color in the video differs from the asset's own.

Shading tells how a surface is turned. Knowing the light, a limb that turns towards the camera and one that turns away
no longer look the same, which the outline alone cannot tell.

Model, in linear RGB: color = albedo * irradiance(n) + sheen(n), with the irradiance in real spherical harmonics up to
order 2 (nine coefficients; Ramamoorthi and Hanrahan 2001 show that these hold 99 % of diffuse light) and the sheen,
which needs no albedo, up to order 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..inputs.asset import Asset
from ..inputs.colors import colors_at
from ..rendering.zbuffer import render_surface
from .reference import Reference

IRRADIANCE, SHEEN = 9, 4


@dataclass(frozen=True)
class Lighting:
    """Attributes:
    coefficients: (13, 3), irradiance then sheen, per channel of linear RGB; or (C, 13, 3) of several lights.
    """

    coefficients: Tensor

    def to(self, device: torch.device) -> Lighting:
        """The same on `device`."""
        return Lighting(self.coefficients.to(device))

    def shade(self, albedo: Tensor, normals: Tensor) -> Tensor:
        """sRGB (..., N, 3) of surfaces with linear `albedo` (N, 3) and unit `normals` (..., N, 3); (C, N, 3) in several lights."""
        basis, light = harmonics(normals), self.coefficients.to(normals)
        linear = albedo * (basis @ light[..., :IRRADIANCE, :]) + basis[..., :SHEEN] @ light[..., IRRADIANCE:, :]
        return to_srgb(linear).clamp(0, 1)


def unlit() -> Lighting:
    """The light in which a surface shows its own color."""
    coefficients = torch.zeros(IRRADIANCE + SHEEN, 3)
    coefficients[0] = 1
    return Lighting(coefficients)


def harmonics(normals: Tensor) -> Tensor:
    """(..., 9) real spherical harmonics up to order 2, without their constants."""
    x, y, z = normals.unbind(-1)
    return torch.stack([torch.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], -1)


def to_linear(color: Tensor) -> Tensor:
    """sRGB to linear RGB: `protocol.srgb`, for gradients and on any device."""
    return torch.where(color <= 0.04045, color / 12.92, ((color.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Tensor) -> Tensor:
    """Linear RGB to sRGB; negative values are taken as a small positive one, so that gradients stay finite."""
    linear = linear.clamp_min(1e-5)
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def fit_lighting(asset: Asset, reference: Reference, world_to_camera: np.ndarray, frame: int = 0) -> Lighting:
    """The light that explains `frame` with the asset in its rest pose seen by `world_to_camera` (4, 4).

    Robust least squares over the pixels that the mesh and the video's mask both cover well. One light for all channels
    first; each channel may then differ from it where the data insist.
    """
    seen = render_surface(asset.vertices, asset.triangles, world_to_camera, reference.intrinsics, reference.size)
    covered = (seen.triangle >= 0) & _inner(reference.alpha[frame, 0].cpu().numpy())
    if covered.sum() < 50:
        return unlit()
    triangle, barycentric = seen.triangle[covered], seen.barycentric[covered]
    normals = np.einsum("nkc,nk->nc", asset.corner_normal[triangle], barycentric)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    albedo = to_linear(torch.from_numpy(colors_at(asset, triangle, barycentric)))
    observed = to_linear(reference.color[frame].cpu().permute(1, 2, 0)[torch.from_numpy(covered)])
    return Lighting(_solve(albedo, harmonics(torch.from_numpy(normals).float()), observed))


def _inner(alpha: np.ndarray) -> np.ndarray:
    """Pixels that are covered, and so are their neighbors: no color of the background is mixed in."""
    solid = np.pad(alpha > 0.99, 1)
    return solid[1:-1, 1:-1] & solid[:-2, 1:-1] & solid[2:, 1:-1] & solid[1:-1, :-2] & solid[1:-1, 2:]


def _solve(albedo: Tensor, basis: Tensor, observed: Tensor, ridge: float = 1e-4) -> Tensor:
    """(13, 3) coefficients. Errors count as they show in sRGB; outliers (cast shadows, highlights) count less."""
    design = torch.cat([albedo[..., None] * basis[:, None, :], basis[:, None, :SHEEN].expand(-1, 3, -1)], -1).double()
    target, visible = observed.double(), observed.double().clamp_min(0.02) ** -0.58
    weight = torch.ones_like(target)
    shared = torch.zeros(design.shape[-1], dtype=torch.float64)
    for _ in range(6):
        strength = weight * visible**2
        shared = _ridge(design.reshape(-1, design.shape[-1]), target.reshape(-1), strength.reshape(-1), ridge, torch.zeros_like(shared))
        error = (design @ shared - target) * visible
        weight = 1 / (1 + (error / (3 * error.abs().median().clamp_min(1e-4))) ** 2)
    channels = [_ridge(design[:, c], target[:, c], weight[:, c] * visible[:, c] ** 2, 20 * ridge, shared) for c in range(3)]
    return torch.stack(channels, 1).float()


def _ridge(design: Tensor, target: Tensor, weight: Tensor, ridge: float, near: Tensor) -> Tensor:
    """Weighted least squares, pulled towards `near`."""
    weighted = design * weight[:, None]
    normal = weighted.T @ design + ridge * weight.sum() * torch.eye(design.shape[1], dtype=design.dtype)
    return near + torch.linalg.solve(normal, weighted.T @ (target - design @ near))
