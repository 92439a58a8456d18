"""Asking a prior many things at once: noise, the mean of the clean picture, samples. In batches that fit the device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from align4d.priors.prior import Condition, MultiviewPrior, RelativeCamera, guided_noise

SAMPLE_STEPS, SAMPLE_GUIDANCE = 30, 2.0
"""Of a DDIM sample."""


def batch_size(device: torch.device) -> int:
    """Pictures that are judged together."""
    return 512 if device.type == "cuda" else 16


def in_batches(count: int, device: torch.device, answer: Callable[[Tensor], Tensor]) -> Tensor:
    """`answer` of the indices 0 to `count` - 1, asked in batches and joined."""
    return torch.cat([answer(some) for some in torch.arange(count, device=device).split(batch_size(device))])


def draw(prior: MultiviewPrior, count: int, seed: int) -> Tensor:
    """(count, channels, latent_size, latent_size) standard normal, the same on every device."""
    facts = prior.facts
    return torch.randn(count, facts.channels, facts.latent_size, facts.latent_size, generator=torch.Generator().manual_seed(seed)).to(prior.device)


@torch.no_grad()
def noise_errors(
    prior: MultiviewPrior, pictures: Tensor, noise: Tensor, timestep: Tensor, condition: Condition, which: Tensor, camera: RelativeCamera
) -> Tensor:
    """(B,) mean squared error of the noise that the prior finds in noisy pictures.

    Args:
        pictures: (B, 3, S, S); noise: (B, ...); timestep: (B,).
        condition: of F pictures; which: (B,) int64, the condition of each question.
        camera: B of them.
    """

    def answer(some: Tensor) -> Tensor:
        noisy = prior.schedule.add_noise(prior.encode(pictures[some]), noise[some], timestep[some])
        found = prior.predict_noise(noisy, timestep[some], condition.take(which[some]), part(camera, some))
        return ((found - noise[some]) ** 2).flatten(1).mean(1)

    return in_batches(len(pictures), prior.device, answer)


@torch.no_grad()
def clean_means(prior: MultiviewPrior, condition: Condition, which: Tensor, camera: RelativeCamera, seed: int) -> Tensor:
    """(B, 3, S, S) in [0, 1]: the mean of the clean picture given the condition, in one step from pure noise at the highest timestep."""
    noise = draw(prior, camera.count, seed)

    def answer(some: Tensor) -> Tensor:
        last = torch.full((len(some),), prior.schedule.steps - 1, device=prior.device)
        found = prior.predict_noise(noise[some], last, condition.take(which[some]), part(camera, some))
        return to_picture(prior.schedule.clean(noise[some], found, last))

    return in_batches(camera.count, prior.device, answer)


@torch.no_grad()
def samples(prior: MultiviewPrior, condition: Condition, which: Tensor, camera: RelativeCamera, seed: int) -> Tensor:
    """(B, 3, S, S) in [0, 1] by DDIM (Song et al. 2021, eta 0) with classifier-free guidance."""
    noise = draw(prior, camera.count, seed)
    timesteps = torch.linspace(prior.schedule.steps - 1, 0, SAMPLE_STEPS).round().long()

    def answer(some: Tensor) -> Tensor:
        noisy, given, seen_from = noise[some], condition.take(which[some]), part(camera, some)
        for index, step in enumerate(timesteps):
            now = step.expand(len(some)).to(prior.device)
            found = guided_noise(prior, noisy, now, given, seen_from, SAMPLE_GUIDANCE)
            clean = prior.schedule.clean(noisy, found, now).clamp(-1, 1)
            if index == len(timesteps) - 1:
                break
            # what is left of the noise, now that the clean picture has been clamped
            abar = prior.schedule.at(now, noisy)
            left = (noisy - abar.sqrt() * clean) / (1 - abar).sqrt()
            noisy = prior.schedule.add_noise(clean, left, timesteps[index + 1].expand(len(some)))
        return to_picture(clean)

    return in_batches(camera.count, prior.device, answer)


def to_picture(latent: Tensor) -> Tensor:
    """The inverse of the embedded prior's `encode`."""
    return ((latent + 1) / 2).clamp(0, 1)


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """(B,) peak signal-to-noise ratio [dB] of pictures (B, 3, S, S) in [0, 1]."""
    return -10 * ((first - second) ** 2).flatten(1).mean(1).clamp_min(1e-10).log10()


def part(camera: RelativeCamera, index: Tensor) -> RelativeCamera:
    """The cameras `index`."""
    return RelativeCamera(camera.elevation[index], camera.azimuth[index], camera.distance[index])
