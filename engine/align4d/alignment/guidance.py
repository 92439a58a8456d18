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

    def timestep(self, done: float) -> int:
        """t when the part `done` of the run is over."""
        return round(self.first_timestep + (self.last_timestep - self.first_timestep) * done)


@torch.no_grad()
def distillation_gradient(
    prior: MultiviewPrior, latent: Tensor, noise: Tensor, timestep: int, condition: Condition, camera: RelativeCamera, settings: GuidanceSettings
) -> Tensor:
    """The gradient of eqs. 7 and 8 with respect to `latent` (B, ...), of its shape; nothing is differentiated through the network.

    Args:
        latent: what `prior.encode` made of pictures; noise: of the same shape.
        timestep: t, the same for all.
        condition, camera: B each.
        settings: see `GuidanceSettings.of`.
    """
    parts = []
    for some in settings.batches(len(latent), prior.facts.views):
        clean, drawn = latent[some], noise[some]
        index = torch.arange(some.start, some.stop, device=latent.device)
        when = torch.full((len(clean),), timestep, device=latent.device)
        seen_from = RelativeCamera(camera.elevation[some], camera.azimuth[some], camera.distance[some])
        noisy = prior.schedule.add_noise(clean, drawn, when)
        found = guided_noise(prior, noisy, when, condition.take(index), seen_from, settings.scale)
        if settings.target == "noise":
            parts.append((1 - prior.schedule.at(when, clean)) * (found - drawn))
        else:
            parts.append(clean - prior.schedule.clean(noisy, found, when))
    return torch.cat(parts)


def distillation_loss(latent: Tensor, gradient: Tensor) -> Tensor:
    """(B,) 0.5 ||gradient||^2 of each picture, whose derivative with respect to `latent` is `gradient` [D]."""
    return 0.5 * ((latent - (latent - gradient).detach()) ** 2).flatten(1).sum(1)
