"""Components of published diffusion models as diffusers and transformers load them: frozen, from safetensors, without network."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import EngineError
from ..models.component_folder import Component, other_model
from ..models.component_loading import load_network, load_processor
from .schedule import NoiseSchedule, scaled_linear

VAE_FACTOR = 8
"""Pixels of a picture per cell of its latent, across: Stable Diffusion's."""


def load_vae(component: Component, decodes: bool = False) -> Any:
    """The picture encoder (diffusers' AutoencoderKL, without its decoder unless it `decodes`), in float32: the gradient of eqs. 7 and 8
    passes through it."""
    from diffusers import AutoencoderKL

    vae = load_network(AutoencoderKL, component, {"torch_dtype": torch.float32, "variant": component.variant})
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    if factor != VAE_FACTOR or vae.config.latent_channels != 4:
        raise other_model(component.weights, f"its latents have {vae.config.latent_channels} channels and cells of {factor} pixels, not 4 and 8")
    if not decodes:
        del vae.decoder, vae.post_quant_conv
    return vae


def load_zero123_unet(component: Component, dtype: torch.dtype) -> Any:
    """diffusers' UNet2DConditionModel, which takes latent and condition latent: 8 channels."""
    from diffusers import UNet2DConditionModel

    unet = load_network(UNet2DConditionModel, component, {"torch_dtype": dtype, "variant": component.variant})
    if unet.config.in_channels != 8 or unet.config.out_channels != 4:
        raise other_model(component.weights, f"it takes {unet.config.in_channels} channels and gives {unet.config.out_channels}, not 8 and 4")
    return unet


def load_image_encoder(component: Component, dtype: torch.dtype, projected: bool) -> Any:
    """CLIP's image encoder. `projected`: with the projection into the space that CLIP shares with text."""
    from transformers import CLIPVisionModel, CLIPVisionModelWithProjection

    return load_network(CLIPVisionModelWithProjection if projected else CLIPVisionModel, component, {"dtype": dtype, "variant": component.variant})


@torch.no_grad()
def text_context(component: Component, prompt: str) -> torch.Tensor:
    """(1, L, C) float32: what CLIP's text encoder makes of a prompt. Its tokenizer lies beside it. Encoder and tokenizer are let go."""
    from transformers import CLIPTextModel, CLIPTokenizer

    encoder = load_network(CLIPTextModel, component, {"dtype": torch.float32, "variant": component.variant})
    tokenizer = load_processor(CLIPTokenizer, component.folder.parent, "tokenizer")
    length = encoder.config.max_position_embeddings
    words = tokenizer(prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return encoder(words.input_ids)[0]


@dataclass(frozen=True)
class ClipPictures:
    """How pictures are prepared for CLIP's image encoder.

    Attributes:
        size: side of what the encoder takes [px].
        aligned: resample corner to corner without a filter, as Zero123 was trained; else with one, as CLIP's own processor does.
    """

    size: int
    aligned: bool

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Normalized (B, 3, size, size) of sRGB pictures in [0, 1]."""
        mean, spread = _clip_statistics(pictures.device)
        side = (self.size, self.size)
        small = torch.nn.functional.interpolate(
            pictures, side, mode="bicubic", align_corners=True if self.aligned else None, antialias=not self.aligned
        )
        return (small.clamp(0, 1) - mean) / spread


@functools.cache
def _clip_statistics(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (3, 1, 1) of CLIP's training pictures; made once, because a copy to the GPU makes the processor wait."""
    numbers = torch.tensor([[0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]])
    mean, spread = numbers.to(device)[..., None, None]
    return mean, spread


def read_schedule(model_schedule: dict[str, Any]) -> NoiseSchedule:
    """The schedule that scheduler_config.json describes.

    Raises:
        EngineError: "model_file" for one that these models do not have, such as one for a network that predicts velocities.
    """
    kind, target = model_schedule.get("beta_schedule"), model_schedule.get("prediction_type", "epsilon")
    if (kind, target) != ("scaled_linear", "epsilon"):
        raise EngineError(
            "model_file",
            f"The model's scheduler_config.json names the schedule {kind} for predicting {target}; scaled_linear for epsilon was expected.",
            "Check which model the folder holds.",
        )
    return scaled_linear(int(model_schedule["num_train_timesteps"]), float(model_schedule["beta_start"]), float(model_schedule["beta_end"]))
