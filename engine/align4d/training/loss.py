"""What the embedded prior is trained to predict."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..priors.embedded import NULL_DISTANCE, NULL_ELEVATION
from ..priors.embedded_network import NovelViewNetwork
from .batches import Batch
from .settings import TrainingSettings


@dataclass(frozen=True)
class Draw:
    """Everything random of a step.

    Attributes:
        angle: (n·T,) noise level: alpha = cos, sigma = sin [rad].
        noise: (n·T, 3, S, S).
        given: (n,) 1, or 0 where the condition says nothing.
        condition_noise: (n, 3, S, S), added to the condition.
        told: (n, 2) error of the elevation [rad] and of the distance (part of it) that the condition is told.
    """

    angle: Tensor
    noise: Tensor
    given: Tensor
    condition_noise: Tensor
    told: Tensor


def draw(batch: Batch, settings: TrainingSettings, generator: torch.Generator) -> Draw:
    """Noise levels, noise and dropout for a batch."""
    device = batch.pictures.device
    count, views = batch.pictures.shape[:2]
    total = count * (views - 1)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, device=device, generator=generator)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device, generator=generator)

    picture = batch.pictures.shape[2:]
    noisy = (uniform(count, 1, 1, 1) < settings.condition_noise_share) * settings.condition_noise
    scale = torch.tensor([math.radians(settings.elevation_jitter), settings.distance_jitter], device=device)
    return Draw(
        angle=(0.005 + 0.99 * uniform(total) ** settings.high_noise) * math.pi / 2,
        noise=normal(total, *picture),
        given=(uniform(count) >= settings.dropout).float(),
        condition_noise=normal(count, *picture) * noisy,
        told=normal(count, 2) * scale,
    )


def clean_draw(batch: Batch, angle: float, generator: torch.Generator) -> Draw:
    """For judging: one noise level [rad], nothing dropped and nothing told wrong."""
    device = batch.pictures.device
    count, views = batch.pictures.shape[:2]
    total, picture = count * (views - 1), batch.pictures.shape[2:]
    noise = torch.randn(total, *picture, generator=generator).to(device)
    zero = torch.zeros(count, *picture, device=device)
    return Draw(torch.full((total,), angle, device=device), noise, torch.ones(count, device=device), zero, torch.zeros(count, 2, device=device))


def velocity_error(network: NovelViewNetwork, batch: Batch, random: Draw, half: bool) -> Tensor:
    """Mean squared error (n·T,) of the predicted v = alpha noise - sigma picture (Salimans and Ho, 2022).

    Args:
        half: compute in bfloat16.
    """
    views = batch.pictures.shape[1] - 1
    clean = batch.pictures[:, 1:].flatten(0, 1)
    alpha, sigma = random.angle.cos(), random.angle.sin()
    wide = (slice(None), None, None, None)
    noisy = alpha[wide] * clean + sigma[wide] * random.noise
    wanted = alpha[wide] * random.noise - sigma[wide] * clean
    own, target = batch.cameras[:, 0], batch.cameras[:, 1:].flatten(0, 1)
    azimuth = (batch.cameras[:, 1:, 1] - batch.cameras[:, :1, 1]).flatten()
    seen = random.given > 0
    elevation = torch.where(seen, own[:, 0] + random.told[:, 0], math.radians(NULL_ELEVATION))
    distance = torch.where(seen, own[:, 2] * (1 + random.told[:, 1]), NULL_DISTANCE)
    with torch.autocast(clean.device.type, torch.bfloat16, enabled=half):
        features = network.condition(batch.pictures[:, 0] + random.condition_noise, elevation, distance, random.given)
        repeated = tuple(one.repeat_interleave(views, 0) for one in features)
        predicted = network(noisy, (sigma / alpha).log(), target[:, 0], azimuth, target[:, 2], repeated)
    return ((predicted.float() - wanted) ** 2).mean((1, 2, 3))
