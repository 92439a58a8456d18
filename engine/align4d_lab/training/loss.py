"""What the embedded prior is trained to predict."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from align4d.priors.embedded import NULL_DISTANCE, NULL_ELEVATION
from align4d.priors.embedded_network import NovelViewNetwork

from .batches import Batch
from .settings import TrainingSettings

UNSEEN_MOVE = 4e-4
"""Mean squared difference of two pictures (of a range of 2) in which a move can hardly be seen: so much counts half."""


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
    lowest = torch.where(torch.arange(count, device=device) < len(batch.moved), settings.moved_noise / 90, 0.005).repeat_interleave(views - 1)
    noisy = (uniform(count, 1, 1, 1) < settings.condition_noise_share) * settings.condition_noise
    scale = torch.tensor([math.radians(settings.elevation_jitter), settings.distance_jitter], device=device)
    return Draw(
        angle=(lowest + (0.995 - lowest) * uniform(total) ** settings.high_noise) * math.pi / 2,
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


@dataclass(frozen=True)
class Prediction:
    """What the network says of the noisy pictures, each (n·T, 3, S, S).

    Attributes:
        velocity: its v = (alpha noisy - picture) / sigma (Salimans and Ho, 2022).
        wanted: the v of the picture that is asked for.
        picture: the clean picture that its v means.
    """

    velocity: Tensor
    wanted: Tensor
    picture: Tensor

    def error(self) -> Tensor:
        """Mean squared error (n·T,) of v."""
        return ((self.velocity - self.wanted) ** 2).mean((1, 2, 3))


def predict(network: NovelViewNetwork, batch: Batch, random: Draw, half: bool) -> Prediction:
    """Where an object has moved, the noisy picture shows it after the move, and the one asked for before: the pose is the condition's.

    Args:
        half: compute in bfloat16.
    """
    views = batch.pictures.shape[1] - 1
    alpha, sigma = random.angle.cos()[:, None, None, None], random.angle.sin()[:, None, None, None]
    noisy = alpha * batch.noised.flatten(0, 1) + sigma * random.noise
    own, target = batch.cameras[:, 0], batch.cameras[:, 1:].flatten(0, 1)
    azimuth = (batch.cameras[:, 1:, 1] - batch.cameras[:, :1, 1]).flatten()
    seen = random.given > 0
    elevation = torch.where(seen, own[:, 0] + random.told[:, 0], math.radians(NULL_ELEVATION))
    distance = torch.where(seen, own[:, 2] * (1 + random.told[:, 1]), NULL_DISTANCE)
    with torch.autocast(noisy.device.type, torch.bfloat16, enabled=half):
        features = network.condition(batch.pictures[:, 0] + random.condition_noise, elevation, distance, random.given)
        repeated = tuple(one.repeat_interleave(views, 0) for one in features)
        predicted = network(noisy, (sigma / alpha).log().flatten(), target[:, 0], azimuth, target[:, 2], repeated)
    velocity = predicted.float()
    return Prediction(velocity, (alpha * noisy - batch.pictures[:, 1:].flatten(0, 1)) / sigma, alpha * noisy - sigma * velocity)


def corrected_share(prediction: Prediction, batch: Batch) -> Tensor:
    """How much of each move (m·T,) the predicted picture takes back: 1 all of it, 0 none. Of no move at all it is 0."""
    moved = batch.moved.flatten(0, 1)
    way = (batch.pictures[: len(batch.moved), 1:].flatten(0, 1) - moved).flatten(1)
    went = (prediction.picture[: len(moved)] - moved).flatten(1)
    return (way * went).sum(1) / (way.square().sum(1) + UNSEEN_MOVE * way.shape[1])


def training_loss(network: NovelViewNetwork, batch: Batch, random: Draw, half: bool, correction: float) -> Tensor:
    """Mean error of v, and `correction` times what is missing of the corrections, squared.

    The error of v hardly notices a small move, since what the condition does not show is so much more. Along the way
    from the moved picture to the wanted one nothing but the move counts.
    """
    prediction = predict(network, batch, random, half)
    loss = prediction.error().mean()
    if len(batch.moved):
        missing = (1 - corrected_share(prediction, batch)).clamp(-3, 3) ** 2
        loss = loss + correction * (missing * random.given[: len(batch.moved)].repeat_interleave(len(missing) // len(batch.moved))).mean()
    return loss
