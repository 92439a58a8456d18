"""From where an asset looks like the picture that it was made of, for models that put it into the world as they like."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..cameras.orbit import Orbit, intrinsics_for
from ..job.reporting import Reporter
from ..motion.rotations import multiply
from ..rendering import Cameras, Gaussians, rasterize
from .pictures import around_object, cut_on_white, cut_out

SIDE = 48
"""Of the pictures that are compared [px]; the object fills them, so that neither distance nor place in the picture matters."""

DISTANCE, FOVY = 3.0, 30.0
"""Of the cameras that are tried [longest sides, degrees]: all of the object fits into their pictures."""

AROUND, ELEVATIONS = 36, (-10.0, 5.0, 20.0, 35.0)
"""Directions that are tried: places on a ring, and heights of rings [degrees]."""


def find_view(gaussians: Gaussians, picture: np.ndarray, report: Reporter) -> tuple[float, float]:
    """Azimuth and elevation [degrees] from which the asset looks most like the picture; level with +Z up.

    Args:
        gaussians: in the engine's normalized space.
        picture: (H, W, 4) uint8, straight alpha.
    """
    wanted = _filling(picture)
    directions = [(360.0 * index / AROUND, elevation) for elevation in ELEVATIONS for index in range(AROUND)]
    errors = []
    for azimuth, elevation in directions:
        report.check_cancelled()
        errors.append(float(np.mean((_filling(_seen(gaussians, azimuth, elevation)) - wanted) ** 2)))
    return directions[int(np.argmin(errors))]


def turned(gaussians: Gaussians, azimuth: float) -> Gaussians:
    """The same, turned about +Z so that what was seen from `azimuth` [degrees] is seen from 0."""
    half = math.radians(-azimuth) / 2
    turn = torch.tensor([math.cos(half), 0.0, 0.0, math.sin(half)]).to(gaussians.quats)
    quats = multiply(turn.expand_as(gaussians.quats), gaussians.quats)
    return Gaussians(turned_points(gaussians.means, azimuth), quats, gaussians.scales, gaussians.opacities, gaussians.colors)


def turned_points(points: Tensor, azimuth: float) -> Tensor:
    """Points (N, 3), turned likewise."""
    angle = math.radians(-azimuth)
    matrix = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]], dtype=points.dtype)
    return points @ matrix.to(points.device).T


def _seen(gaussians: Gaussians, azimuth: float, elevation: float) -> np.ndarray:
    """(2 SIDE, 2 SIDE, 4) uint8 from a direction."""
    side = 2 * SIDE
    matrix = Orbit(azimuth, elevation, DISTANCE).world_to_camera()
    camera = Cameras(torch.from_numpy(matrix).float()[None], torch.from_numpy(intrinsics_for(FOVY, side, side)).float()[None])
    with torch.no_grad():
        seen = rasterize(gaussians, camera, (side, side))
    alpha = seen.alpha[0].clamp_min(1e-3)
    pixels = torch.cat([((seen.color[0] - (1 - seen.alpha[0])) / alpha).clamp(0, 1), seen.alpha[0]])
    return (pixels.permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)


def _filling(picture: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, 4) in [0, 1]: the object on white, as large as it fits, and its mask."""
    crop = around_object(picture[..., 3], 0.05)
    shape = cut_out(picture, crop, SIDE)[..., 3:]
    return np.concatenate([cut_on_white(picture, crop, SIDE), shape], 2) / 255.0
