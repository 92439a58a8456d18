"""FLUX.2 [klein] 4B: text to image in four steps (Black Forest Labs, 2026)."""

from __future__ import annotations

import torch

from ..models.card import ModelCard
from .diffusion_pipeline import Network, Recipe
from .prompted_picture import PromptedPicture

ENCODER_WORK, TRANSFORMER_WORK, VAE_WORK, VAE_TILED = 400_000_000, 600_000_000, 1_700_000_000, 600_000_000
"""Rough: not counted on the real architecture [bytes]."""

RECIPE = Recipe(
    "Flux2KleinPipeline",
    {
        "text_encoder": Network("transformers.Qwen3ForCausalLM", 8_050_000_000, 780_000_000, ENCODER_WORK, ENCODER_WORK),
        "transformer": Network("Flux2Transformer2DModel", 7_750_000_000, 170_000_000, TRANSFORMER_WORK, TRANSFORMER_WORK),
        "vae": Network("AutoencoderKLFlux2", 168_000_000, 5_000_000, VAE_WORK, VAE_TILED),
    },
    {"tokenizer": "transformers.Qwen2TokenizerFast", "scheduler": "FlowMatchEulerDiscreteScheduler"},
    half=torch.bfloat16,
    told=("is_distilled",),
)


class Flux2Klein(PromptedPicture):
    """See `TextToImage`. The model is distilled: it takes no guidance."""

    card = ModelCard(
        id="flux2-klein",
        role="text_to_image",
        name="FLUX.2 klein 4B",
        license="Apache-2.0",
        non_commercial=False,
        source="black-forest-labs/FLUX.2-klein-4B",
        size_on_disk=16_000_000_000,
        need=RECIPE.need(),
        takes_prompt=True,
        parts=RECIPE.parts,
    )
    recipe = RECIPE
    usual_steps, guidance = 4, 1.0
