"""Noise schedules: how much of a picture is left at each timestep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoiseSchedule:
    """z_t = sqrt(abar_t) z + sqrt(1 - abar_t) noise.

    Attributes:
        abar: (S,) float32, cumulative product of 1 - beta, falling; index = timestep.
    """

    abar: Tensor

    @property
    def steps(self) -> int:
        """Number of timesteps S."""
        return len(self.abar)

    def at(self, timestep: Tensor, like: Tensor) -> Tensor:
        """abar at `timestep` (B,), with ones behind it so that it multiplies `like` (B, ...), on its device and of its type."""
        place = (like.device, like.dtype)
        if place not in self._copies:
            self._copies[place] = self.abar.to(like)
        return self._copies[place][timestep.to(like.device)].reshape(-1, *[1] * (like.dim() - 1))

    @cached_property
    def _copies(self) -> dict[tuple[torch.device, torch.dtype], Tensor]:
        """`abar` where it was needed: to bring it to a GPU each time would make the processor wait."""
        return {}

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """z_t of `clean` (B, ...) with `noise` (B, ...) at `timestep` (B,) int64."""
        abar = self.at(timestep, clean)
        return abar.sqrt() * clean + (1 - abar).sqrt() * noise

    def clean(self, noisy: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """The clean picture (B, ...) that `noisy` and the predicted `noise` imply: the mean of x0."""
        abar = self.at(timestep, noisy)
        return (noisy - (1 - abar).sqrt() * noise) / abar.sqrt()


def scaled_linear(steps: int = 1000, first: float = 0.00085, last: float = 0.012) -> NoiseSchedule:
    """Stable Diffusion's schedule, which Zero123 and what derives from it keep: betas linear in their square root."""
    betas = torch.linspace(math.sqrt(first), math.sqrt(last), steps, dtype=torch.float64) ** 2
    return NoiseSchedule(torch.cumprod(1 - betas, 0).float())


def ending_in(schedule: NoiseSchedule, signal: float) -> NoiseSchedule:
    """The schedule with sqrt(abar) shifted and scaled so that it ends in `signal`, and starts where it did (Lin et al. 2024, algorithm 1).

    Stable Diffusion's own ends in 7 % of the picture. A prior that is told so looks for them: handed pure noise, it finds
    the gray mean of noise in the place of a white background.

    Args:
        signal: part of the picture that is left at the last timestep, in (0, 1).
    """
    left = schedule.abar.double().sqrt()
    scaled = signal + (left - left[-1]) * (left[0] - signal) / (left[0] - left[-1])
    return NoiseSchedule((scaled**2).float())
