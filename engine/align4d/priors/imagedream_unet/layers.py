"""Convolutional layers of the multi-view U-Net."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

GROUPS = 32
"""Groups of every group normalization."""


def timestep_waves(timestep: Tensor, channels: int) -> Tensor:
    """(B, channels) cosines, then sines, of timesteps (B,) at frequencies from 1 down to 1/10000 (Vaswani et al., 2017)."""
    half = channels // 2
    frequency = torch.exp(-math.log(10000) * torch.arange(half, device=timestep.device) / half)
    phase = timestep.float()[:, None] * frequency
    return torch.cat([phase.cos(), phase.sin()], 1)


def embedding_layers(inputs: int, channels: int) -> nn.Sequential:
    """The two linear layers that embed a timestep or a camera."""
    return nn.Sequential(nn.Linear(inputs, channels), nn.SiLU(), nn.Linear(channels, channels))


class ResidualBlock(nn.Module):
    """Two convolutions, the embedding added between them, and a way around."""

    def __init__(self, inputs: int, outputs: int, time_channels: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(nn.GroupNorm(GROUPS, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(time_channels, outputs))
        # the third place is dropout's, which does nothing here but counts in the parameters' names
        self.out_layers = nn.Sequential(nn.GroupNorm(GROUPS, outputs), nn.SiLU(), nn.Identity(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip_connection = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, picture: Tensor, embedding: Tensor) -> Tensor:
        """(B, outputs, H, W) of (B, inputs, H, W) and the embedding (B, C) of timestep and camera."""
        inner = self.in_layers(picture) + self.emb_layers(embedding)[:, :, None, None]
        return self.skip_connection(picture) + self.out_layers(inner)


class Downsample(nn.Module):
    """Half the resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H / 2, W / 2) of (B, C, H, W)."""
        return self.op(picture)


class Upsample(nn.Module):
    """Twice the resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, 2 H, 2 W) of (B, C, H, W)."""
        return self.conv(interpolate(picture, scale_factor=2, mode="nearest"))
