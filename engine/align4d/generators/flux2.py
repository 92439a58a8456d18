"""FLUX.2 [klein] 4B: text to image in four steps (Black Forest Labs, 2026)."""

from __future__ import annotations

import numpy as np
import torch

from ..progress import Reporter
from .diffusion_pipeline import Network, PipelineGenerator, Recipe, as_bytes
from .interfaces import TextToImage
from .model_card import ModelCard
from .placing import Stage, needs
from .text_prompts import framed

SIDE, STEPS = 1024, 4

ENCODER_WORK, TRANSFORMER_WORK, VAE_WORK, VAE_TILED = 400_000_000, 600_000_000, 1_700_000_000, 600_000_000
"""Rough: not counted on the real architecture [bytes]."""

RECIPE = Recipe(
    "Flux2KleinPipeline",
    {
        "text_encoder": Network("transformers.Qwen3ForCausalLM", ENCODER_WORK, ENCODER_WORK),
        "transformer": Network("Flux2Transformer2DModel", TRANSFORMER_WORK, TRANSFORMER_WORK),
        "vae": Network("AutoencoderKLFlux2", VAE_WORK, VAE_TILED),
    },
    {"tokenizer": "transformers.Qwen2TokenizerFast", "scheduler": "FlowMatchEulerDiscreteScheduler"},
    half=torch.bfloat16,
    told=("is_distilled",),
)

PUBLISHED = (
    Stage("text_encoder", 8_050_000_000, 780_000_000, ENCODER_WORK, ENCODER_WORK),
    Stage("transformer", 7_750_000_000, 170_000_000, TRANSFORMER_WORK, TRANSFORMER_WORK),
    Stage("vae", 168_000_000, 5_000_000, VAE_WORK, VAE_TILED),
)


class Flux2Klein(PipelineGenerator, TextToImage):
    """See `TextToImage`."""

    card = ModelCard(
        id="flux2-klein",
        role="text_to_image",
        name="FLUX.2 klein 4B",
        licence="Apache-2.0",
        non_commercial=False,
        source="black-forest-labs/FLUX.2-klein-4B",
        size_on_disk=16_000_000_000,
        need=needs(PUBLISHED),
        takes_prompt=True,
        parts=("model_index.json", *RECIPE.networks, *RECIPE.helpers),
    )
    recipe = RECIPE

    def paint(self, prompt: str, seed: int, report: Reporter) -> np.ndarray:
        """See `TextToImage`. The model is distilled: it takes no guidance."""
        side = self.options.sized(SIDE, 32)
        found = self.run(seed, self.steps(STEPS), report, prompt=framed(prompt), guidance_scale=1.0, height=side, width=side)
        return as_bytes(found.images[0])
