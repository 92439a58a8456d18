"""Random draws of the generator, on a device: numbers, coins, and curves that are smooth in time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

WAVES = 3
"""Sines that a curve is the sum of."""


class Draws:
    """Random numbers on `device`; the shape comes first."""

    def __init__(self, device: torch.device | str) -> None:
        self.device = torch.device(device)

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        """In [low, high)."""
        return low + (high - low) * torch.rand(shape, device=self.device)

    def log_uniform(self, shape: tuple[int, ...], low: float, high: float) -> Tensor:
        """In [low, high), evenly in the logarithm."""
        return self.uniform(shape, math.log(low), math.log(high)).exp()

    def normal(self, shape: tuple[int, ...], deviation: float = 1.0) -> Tensor:
        """Of mean 0."""
        return torch.randn(shape, device=self.device) * deviation

    def chance(self, shape: tuple[int, ...], probability: float) -> Tensor:
        """1 with `probability`, else 0."""
        return (torch.rand(shape, device=self.device) < probability).float()

    def curves(self, clips: int, frames: int, count: int, slowest: float = 0.2, fastest: float = 2.0) -> Tensor:
        """(clips, frames, count) of about unit variance; slowest and fastest in periods a clip."""
        time = torch.linspace(0, 1, frames, device=self.device)[None, :, None, None]
        shape = (clips, 1, count, WAVES)
        phase = 2 * math.pi * (self.uniform(shape, slowest, fastest) * time + self.uniform(shape))
        return (self.normal(shape) * phase.sin()).sum(-1) * math.sqrt(2 / WAVES)
