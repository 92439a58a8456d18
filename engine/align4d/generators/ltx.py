"""LTX-Video: image and text to video (Lightricks, 2024)."""

from __future__ import annotations

from typing import Any

import torch

from ..models.card import ModelCard
from .diffusion_pipeline import Network, Recipe
from .prompted_video import PromptedVideo

ENCODER_WORK, TRANSFORMER_WORK, VAE_WORK, VAE_TILED = 300_000_000, 1_000_000_000, 3_000_000_000, 1_200_000_000
"""Rough: not counted on the real architecture [bytes]."""

RECIPE = Recipe(
    "LTXImageToVideoPipeline",
    {
        "text_encoder": Network("transformers.T5EncoderModel", 9_520_000_000, 263_000_000, ENCODER_WORK, ENCODER_WORK),
        "transformer": Network("LTXVideoTransformer3DModel", 3_850_000_000, 34_000_000, TRANSFORMER_WORK, TRANSFORMER_WORK),
        "vae": Network("AutoencoderKLLTXVideo", 840_000_000, 60_000_000, VAE_WORK, VAE_TILED),
    },
    {"tokenizer": "transformers.T5TokenizerFast", "scheduler": "FlowMatchEulerDiscreteScheduler"},
    half=torch.bfloat16,
)


class LTX(PromptedVideo):
    """See `ImageToVideo`."""

    card = ModelCard(
        id="ltx",
        role="image_to_video",
        name="LTX-Video 2B",
        license="LTX-Video Open Weights License",
        non_commercial=True,
        source="Lightricks/LTX-Video",
        size_on_disk=28_000_000_000,
        need=RECIPE.need(),
        takes_prompt=True,
        parts=RECIPE.parts,
    )
    recipe = RECIPE
    size, group, usual_steps, guidance = (480, 704), 8, 40, 3.0

    def words(self, prompt: str) -> dict[str, Any]:
        """The model heeds the frame rate as well."""
        return {**super().words(prompt), "frame_rate": self.fps}
