"""What the priors built on Stable Diffusion have in common: they see pictures as latents, and the condition through CLIP as well."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .diffusion_components import ClipPictures
from .memory_estimate import guards_memory
from .placement import Placed
from .prior import MultiviewPrior

SIZE, LATENT_SIZE, LATENT_CHANNELS = 256, 32, 4
"""Of pictures [px] and latents, for which all of these priors were trained."""


class LatentPrior(MultiviewPrior):
    """A prior that denoises the latents of Stable Diffusion's picture encoder."""

    def __init__(self, vae: Any, image_encoder: Placed, clip_pictures: ClipPictures, device: torch.device) -> None:
        """`vae` stays on the device even where other networks are offloaded: the backward pass needs it after `encode` has returned."""
        self.vae = vae.to(device)
        self.image_encoder = image_encoder
        self.clip_pictures = clip_pictures
        self._device = device

    @property
    def device(self) -> torch.device:
        """See `MultiviewPrior`."""
        return self._device

    @guards_memory
    def encode(self, pictures: Tensor) -> Tensor:
        """See `MultiviewPrior`: the mode of the encoder's distribution, times its scaling factor."""
        return self._latent(pictures) * self.vae.config.scaling_factor

    def _latent(self, pictures: Tensor) -> Tensor:
        """(B, 4, 32, 32) unscaled latents of pictures (B, 3, 256, 256)."""
        if pictures.shape[-3:] != (3, SIZE, SIZE):
            raise ValueError(f"pictures of shape {tuple(pictures.shape)}, not (B, 3, {SIZE}, {SIZE})")
        return self.vae.encode(pictures * 2 - 1).latent_dist.mode()
