"""Four views of an object out of one picture of it, by ImageDream: what LGM makes Gaussians of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..job.reporting import Reporter
from ..models.component_loading import load_processor
from ..priors.imagedream import VIEWS, ImageDreamPrior
from ..priors.prior import RelativeCamera, guided_noise

GUIDANCE, STEPS = 5.0, 30
"""As LGM is published."""

AZIMUTHS = (-90.0, 0.0, 90.0, 180.0)
"""Of the views that are denoised together, relative to the picture's, in the order in which ImageDream was trained [degrees]."""

FRONT_FIRST = (1, 2, 3, 0)
"""The same views in LGM's order: 0, 90, 180, 270 degrees."""


@torch.no_grad()
def paint_views(prior: ImageDreamPrior, folder: Path, picture: Tensor, steps: int, seed: int, report: Reporter) -> Tensor:
    """(4, 3, 256, 256) pictures in [0, 1] from 0, 90, 180 and 270 degrees.

    Args:
        folder: of ImageDream, for its scheduler.
        picture: (1, 3, 256, 256), the object on white, on the prior's device.
    """
    from diffusers import DDIMScheduler

    scheduler: Any = load_processor(DDIMScheduler, folder, "scheduler")
    scheduler.set_timesteps(steps)
    level = torch.zeros(1, device=prior.device)
    condition = prior.condition(picture, level, level + 1.5).take(torch.zeros(VIEWS, dtype=torch.long, device=prior.device))
    zeros = torch.zeros(VIEWS, device=prior.device)
    camera = RelativeCamera(zeros, torch.tensor(AZIMUTHS, device=prior.device), zeros)
    shape = (VIEWS, prior.facts.channels, prior.facts.latent_size, prior.facts.latent_size)
    latent = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(prior.device)
    for index, timestep in enumerate(scheduler.timesteps):
        report.check_cancelled()
        times = torch.full((VIEWS,), int(timestep), device=prior.device)
        noise = guided_noise(prior, latent, times, condition, camera, GUIDANCE)
        latent = scheduler.step(noise, timestep, latent).prev_sample
        report.progress(index + 1, steps)
    return prior.decode(latent)[list(FRONT_FIRST)]
