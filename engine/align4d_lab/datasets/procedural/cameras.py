"""The cameras that look at procedural objects."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FOVY = 49.13
"""Vertical field of view [degrees]: that of Zero123's training views (Blender's default camera, 32 mm sensor and 35 mm lens)."""
DISTANCES = (1.5, 2.2)
"""Range of the camera's distance [longest sides of the object]."""
ELEVATIONS = (-30.0, 60.0)
"""Range of the elevation [degrees]."""
LOW_ELEVATION = 12.0
"""A part of the cameras stays within this much of the horizon [degrees], as those of most videos do."""
LOW_SHARE = 0.45
SAME_DISTANCE_SHARE = 0.55
"""Of the objects: all their views at one distance, as the engine asks for them."""
SAME_ELEVATION_SHARE = 0.75
"""Of these: at one elevation, too."""


def sample_cameras(count: int, views: int, generator: torch.Generator | None = None, device: torch.device | str = "cpu") -> Tensor:
    """(count, views, 3) float32: elevation, azimuth [rad], distance. The generator must be on the device."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, device=device, generator=generator)

    lowest, highest = ELEVATIONS
    elevation = lowest + (highest - lowest) * uniform(count, views)
    level = LOW_ELEVATION * (2 * uniform(count, views) - 1)
    elevation = torch.deg2rad(torch.where(uniform(count, views) < LOW_SHARE, level, elevation))
    azimuth = 2 * math.pi * uniform(count, views)
    distance = DISTANCES[0] + (DISTANCES[1] - DISTANCES[0]) * uniform(count, views)
    same = uniform(count, 1) < SAME_DISTANCE_SHARE
    distance = torch.where(same, distance[:, :1], distance)
    elevation = torch.where(same & (uniform(count, 1) < SAME_ELEVATION_SHARE), elevation[:, :1], elevation)
    return torch.stack([elevation, azimuth, distance], -1)
