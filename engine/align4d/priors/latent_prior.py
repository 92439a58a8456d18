"""What the priors built on Stable Diffusion have in common: they see pictures as latents, and the condition through CLIP as well."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..models.memory_estimate import guards_memory
from ..models.placement import Placed
from .diffusion_components import ClipPictures
from .prior import Condition, MultiviewPrior, PriorFacts, RelativeCamera
from .schedule import NoiseSchedule

SIZE, LATENT_SIZE, LATENT_CHANNELS = 256, 32, 4
"""Of pictures [px] and latents, for which all of these priors were trained."""


class LatentPrior(MultiviewPrior):
    """A prior that denoises the latents of Stable Diffusion's picture encoder.

    It takes as many pictures as it is given, and looks at `batch` of them at once.
    """

    def __init__(
        self, facts: PriorFacts, schedule: NoiseSchedule, vae: Any, image_encoder: Placed, clip_pictures: ClipPictures, unet: Placed, batch: int
    ) -> None:
        """`vae` stays on the device even where other networks are offloaded: the backward pass needs it after `encode` has returned."""
        self.facts = facts
        self.schedule = schedule
        self.vae = vae.to(unet.device)
        self.image_encoder = image_encoder
        self.clip_pictures = clip_pictures
        self.unet = unet
        self.recordable = not (unet.offload or image_encoder.offload)
        self.batch = max(facts.views, batch - batch % facts.views)

    @property
    def device(self) -> torch.device:
        """See `MultiviewPrior`."""
        return self.unet.device

    @guards_memory
    @torch.no_grad()
    def condition(self, pictures: Tensor, elevation: Tensor, distance: Tensor) -> Condition:
        """See `MultiviewPrior`."""
        with self.image_encoder.ready():
            parts = [self._features(some) for some in pictures.split(self.batch)]
        return Condition(elevation, distance, tuple(torch.cat(one) for one in zip(*parts, strict=True)))

    @guards_memory
    def encode(self, pictures: Tensor) -> Tensor:
        """See `MultiviewPrior`: the mode of the encoder's distribution, times its scaling factor."""
        parts = pictures.split(self.batch)
        if len(parts) > 1 and pictures.requires_grad and torch.is_grad_enabled():
            # what the gradient needs is kept for one part at a time, and computed again for it
            # (nothing in it is random, and a recording cannot hold a look at the random state)
            latents = [checkpoint(self._latent, one, use_reentrant=False, preserve_rng_state=False) for one in parts]
        else:
            latents = [self._latent(one) for one in parts]
        return torch.cat(latents) * self.vae.config.scaling_factor

    @guards_memory
    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """(B, 3, 256, 256) pictures in [0, 1] of latents as `encode` gives them, where the picture decoder was loaded; without gradients."""
        return (self.vae.decode(latents / self.vae.config.scaling_factor).sample / 2 + 0.5).clamp(0, 1)

    @guards_memory
    @torch.no_grad()
    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        """See `MultiviewPrior`."""
        if len(noisy) % self.facts.views:
            raise ValueError(f"{len(noisy)} views, no multiple of {self.facts.views}")
        parts = []
        with self.unet.ready():
            for some in torch.arange(len(noisy), device=self.device).split(self.batch):
                seen_from = RelativeCamera(camera.elevation[some], camera.azimuth[some], camera.distance[some])
                parts.append(self._predict(noisy[some], timestep[some], condition.take(some), seen_from))
        return torch.cat(parts)

    @abstractmethod
    def _features(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """The features of a condition, of up to `batch` pictures."""

    @abstractmethod
    def _predict(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        """`predict_noise` of up to `batch` pictures."""

    def _latent(self, pictures: Tensor) -> Tensor:
        """(B, 4, 32, 32) unscaled latents of pictures (B, 3, 256, 256)."""
        if pictures.shape[-3:] != (3, SIZE, SIZE):
            raise ValueError(f"pictures of shape {tuple(pictures.shape)}, not (B, 3, {SIZE}, {SIZE})")
        return self.vae.encode(pictures * 2 - 1).latent_dist.mode()
