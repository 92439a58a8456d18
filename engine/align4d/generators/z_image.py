"""Z-Image-Turbo: text to image in eight steps (Tongyi Lab, 2025)."""

from __future__ import annotations

import torch

from ..models.card import ModelCard
from .diffusion_pipeline import Network, Recipe
from .prompted_picture import PromptedPicture

ENCODER_WORK, TRANSFORMER_WORK, VAE_WORK, VAE_TILED = 400_000_000, 900_000_000, 1_700_000_000, 600_000_000
"""Rough: not counted on the real architecture [bytes]."""

RECIPE = Recipe(
    "ZImagePipeline",
    {
        "text_encoder": Network("transformers.Qwen3Model", 8_050_000_000, 780_000_000, ENCODER_WORK, ENCODER_WORK),
        "transformer": Network("ZImageTransformer2DModel", 12_300_000_000, 80_000_000, TRANSFORMER_WORK, TRANSFORMER_WORK),
        "vae": Network("AutoencoderKL", 168_000_000, 5_000_000, VAE_WORK, VAE_TILED),
    },
    {"tokenizer": "transformers.Qwen2TokenizerFast", "scheduler": "FlowMatchEulerDiscreteScheduler"},
    half=torch.bfloat16,
)


class ZImage(PromptedPicture):
    """See `TextToImage`. The model is distilled: it takes no guidance."""

    card = ModelCard(
        id="z-image",
        role="text_to_image",
        name="Z-Image Turbo",
        license="Apache-2.0",
        non_commercial=False,
        source="Tongyi-MAI/Z-Image-Turbo",
        size_on_disk=20_500_000_000,
        need=RECIPE.need(),
        takes_prompt=True,
        parts=RECIPE.parts,
    )
    recipe = RECIPE
    usual_steps, guidance = 9, 0.0
    """Nine steps of the scheduler are eight of the network: the last one only finishes."""
