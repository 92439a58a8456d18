"""Score distillation sampling (SDS): a picture learns from a diffusion prior what would make it likelier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..priors.prior import Condition, MultiviewPrior, PriorFacts, RelativeCamera, guided_noise


@dataclass(frozen=True)
class GuidanceSettings:
    """Attributes:
    scale: of classifier-free guidance; 0 is what the prior states (`PriorFacts.guidance`).
    first_timestep, last_timestep: t falls from the one to the other over the run, linearly [D]; 0 is what the prior states
        (`PriorFacts.timesteps`).
    target: what pictures are pulled towards: "noise", the paper's SDS, whose gradient is w(t) (eps_phi - eps) with
        w = 1 - abar_t [D]; or "x0", the mean of the clean picture that the prior sees behind the noise, whose gradient is
        latent - x0, so that its length is that of the change which is wanted.
    batch: pictures that the prior judges together.
    """

    scale: float = 0.0
    first_timestep: int = 0
    last_timestep: int = 0
    target: Literal["noise", "x0"] = "noise"
    batch: int = 32

    def __post_init__(self) -> None:
        if self.target not in ("noise", "x0"):
            raise ValueError(f"target is {self.target!r}, neither noise nor x0")

    def of(self, facts: PriorFacts) -> GuidanceSettings:
        """The settings with what the prior states in the place of zeros."""
        first, last = facts.timesteps
        return replace(
            self,
            scale=self.scale or facts.guidance,
            first_timestep=self.first_timestep or first,
            last_timestep=self.last_timestep or last,
        )

    def batches(self, count: int, views: int) -> list[slice]:
        """`count` pictures, `batch` at a time; a prior's `views` that it denoises together are not parted."""
        step = max(self.batch // views, 1) * views
        return [slice(start, min(start + step, count)) for start in range(0, count, step)]

    def timestep(self, done: float | Tensor) -> Tensor:
        """t, an int64 scalar, when the part `done` of the run is over."""
        return falling((self.first_timestep, self.last_timestep), done)


def falling(timesteps: tuple[int, int], done: float | Tensor) -> Tensor:
    """t, an int64 scalar that falls from the first to the last; `done` is the part of the run that is over, on the device where t is wanted."""
    first, last = timesteps
    return (first + (last - first) * torch.as_tensor(done, dtype=torch.float64)).round().long()


@dataclass(frozen=True)
class Told:
    """What the prior is told of B pictures: what it is shown beside each, and where each one's camera stands relative to that."""

    condition: Condition
    camera: RelativeCamera

    def take(self, index: Tensor) -> Told:
        """Of the pictures `index` (b,) int64."""
        camera = self.camera
        return Told(self.condition.take(index), RelativeCamera(camera.elevation[index], camera.azimuth[index], camera.distance[index]))


@torch.no_grad()
def distillation_gradient(
    prior: MultiviewPrior, latent: Tensor, noise: Tensor, timestep: int | Tensor, told: Told, settings: GuidanceSettings, other: Told | None = None
) -> Tensor:
    """The gradient of eqs. 7 and 8 with respect to `latent` (B, ...), of its shape; nothing is differentiated through the network.

    Args:
        latent: what `prior.encode` made of pictures; noise: of the same shape.
        timestep: t, the same for all.
        told: B of them.
        settings: see `GuidanceSettings.of`.
        other: where given, what the prior finds when it is told this stands in the place of the noise: the gradient is then what
            it says of the one and not of the other, and what it says of any picture is no part of it.
    """
    t = torch.as_tensor(timestep, device=latent.device)
    parts = []
    for some in settings.batches(len(latent), prior.facts.views):
        clean, drawn = latent[some], noise[some]
        index = torch.arange(some.start, some.stop, device=latent.device)
        when = t.expand(len(clean))
        noisy = prior.schedule.add_noise(clean, drawn, when)
        if other is None:
            wrong = _found(prior, noisy, when, told.take(index), settings.scale) - drawn
        else:
            # what it finds without a condition it finds beside either, so that guidance only makes the difference longer
            beside = _found(prior, noisy, when, other.take(index), 1.0)
            wrong = settings.scale * (_found(prior, noisy, when, told.take(index), 1.0) - beside)
        signal = prior.schedule.at(when, clean)
        # noise that is wrong by so much is a clean picture that is wrong by sqrt(1 - abar) / sqrt(abar) of it
        parts.append((1 - signal) * wrong if settings.target == "noise" else ((1 - signal) / signal).sqrt() * wrong)
    return torch.cat(parts)


def _found(prior: MultiviewPrior, noisy: Tensor, timestep: Tensor, told: Told, scale: float) -> Tensor:
    return guided_noise(prior, noisy, timestep, told.condition, told.camera, scale)


def distillation_loss(latent: Tensor, gradient: Tensor) -> Tensor:
    """(B,) 0.5 ||gradient||^2 of each picture, whose derivative with respect to `latent` is `gradient` [D]."""
    return 0.5 * ((latent - (latent - gradient).detach()) ** 2).flatten(1).sum(1)
