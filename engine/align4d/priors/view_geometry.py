"""What the embedded prior's network is told of cameras: rays, and transforms between views.

Everything is in the condition's frame: its camera has azimuth 0. Angles in radians.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

FOVY = 49.1
"""Vertical field of view that the rays span [degrees]: Zero123's, to a twentieth of a degree."""


def _axes(elevation: Tensor, azimuth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Right, up and forward (B, 3) of orbit cameras that look at the origin."""
    sin_e, cos_e, sin_a, cos_a = elevation.sin(), elevation.cos(), azimuth.sin(), azimuth.cos()
    forward = torch.stack([-sin_a * cos_e, cos_a * cos_e, -sin_e], -1)
    right = torch.stack([cos_a, sin_a, torch.zeros_like(cos_a)], -1)
    return right, torch.linalg.cross(right, forward), forward


def plucker_rays(elevation: Tensor, azimuth: Tensor, distance: Tensor, size: int) -> Tensor:
    """(B, 6, size, size) direction and moment of the ray through the center of each cell of a grid over the picture; inputs (B,)."""
    right, up, forward = _axes(elevation, azimuth)
    origin = -distance[:, None] * forward
    half = math.tan(math.radians(FOVY) / 2)
    grid = ((torch.arange(size, device=elevation.device) + 0.5) / size * 2 - 1) * half
    across, down = grid[None, None, :, None], grid[None, :, None, None]
    direction = normalize(forward[:, None, None] + across * right[:, None, None] - down * up[:, None, None], dim=-1)
    moment = torch.linalg.cross(origin[:, None, None].expand_as(direction), direction)
    return torch.cat([direction, moment], -1).permute(0, 3, 1, 2)


RAY_FEATURES = 30


def ray_features(rays: Tensor) -> Tensor:
    """(B, 30, H, W): rays (B, 6, H, W) with two octaves of sines and cosines."""
    octaves = [wave for octave in (1, 2) for wave in ((rays * math.pi * octave).sin(), (rays * math.pi * octave).cos())]
    return torch.cat([rays, *octaves], 1)


def camera_transforms(elevation: Tensor, azimuth: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """World-to-camera transforms with half the translation, and their inverses, (B, 4, 4) each; inputs (B,).

    Queries and keys that are multiplied by these meet in attention as a function of the relative camera alone
    (Miyato et al., GTA, 2024; Li et al., PRoPE, 2025). Halved, the translation is of the size of the rotation.
    """
    right, up, forward = _axes(elevation, azimuth)
    rotation = torch.stack([right, up, forward], 1)
    zero = torch.zeros_like(distance)
    shift = torch.stack([zero, zero, distance / 2], -1)[..., None]
    last = torch.eye(4, device=elevation.device)[3:].expand(len(elevation), 1, 4)
    there = torch.cat([torch.cat([rotation, shift], 2), last], 1)
    back = torch.cat([torch.cat([rotation.mT, -rotation.mT @ shift], 2), last], 1)
    return there, back


def apply_transform(matrix: Tensor, tokens: Tensor) -> Tensor:
    """Each picture's matrix (B, 4, 4) on the first half of each head's channels, four at a time; tokens (B, heads, N, D)."""
    half = tokens.shape[-1] // 2
    groups = tokens[..., :half].unflatten(-1, (-1, 4))
    turned = (groups[..., None, :] * matrix[:, None, None, None]).sum(-1).flatten(-2)
    return torch.cat([turned, tokens[..., half:]], -1)


def rotary_table(side: int, channels: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines (side², channels / 4) of the places of a grid's cells, for `apply_rotary` on heads of `channels`."""
    count = channels // 8
    frequency = torch.exp(torch.linspace(math.log(0.6), math.log(10.0), count))
    place = (torch.arange(side) + 0.5) / side * 2 - 1
    across = (place[None, :, None] * frequency).expand(side, side, count)
    down = (place[:, None, None] * frequency).expand(side, side, count)
    angle = torch.cat([across, down], -1).reshape(side * side, 2 * count)
    return angle.cos(), angle.sin()


def apply_rotary(tokens: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary position embedding (Su et al., 2021) on the second half of each head's channels; tokens (B, heads, N, D)."""
    half = tokens.shape[-1] // 2
    first, second = tokens[..., half:].chunk(2, -1)
    return torch.cat([tokens[..., :half], first * cosine - second * sine, first * sine + second * cosine], -1)
