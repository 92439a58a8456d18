"""Stable Diffusion XL: text to image (Podell et al., 2023); the paper's choice."""

from __future__ import annotations

import numpy as np

from ..progress import Reporter
from .diffusion_pipeline import Network, PipelineGenerator, Recipe, as_bytes
from .interfaces import TextToImage
from .model_card import ModelCard
from .placing import Stage, needs
from .text_prompts import AVOIDED, framed

SIDE, STEPS, GUIDANCE = 1024, 30, 5.0

UNET_WORK, VAE_WORK, VAE_TILED = 331_000_000, 3_400_000_000, 1_000_000_000
"""Counted on the real architecture at 1024 px; the picture decoder computes in float32, whatever its weights are stored in [bytes]."""

RECIPE = Recipe(
    "StableDiffusionXLPipeline",
    {
        "text_encoder": Network("transformers.CLIPTextModel", 20_000_000, 20_000_000),
        "text_encoder_2": Network("transformers.CLIPTextModelWithProjection", 40_000_000, 40_000_000),
        "unet": Network("UNet2DConditionModel", UNET_WORK, UNET_WORK),
        "vae": Network("AutoencoderKL", VAE_WORK, VAE_TILED),
    },
    {"tokenizer": "transformers.CLIPTokenizer", "tokenizer_2": "transformers.CLIPTokenizer", "scheduler": "EulerDiscreteScheduler"},
    constants={"add_watermarker": False},
)

PUBLISHED = (
    Stage("text_encoder", 246_000_000, 76_000_000, 20_000_000, 20_000_000),
    Stage("text_encoder_2", 1_390_000_000, 126_000_000, 40_000_000, 40_000_000),
    Stage("unet", 5_135_000_000, 59_000_000, UNET_WORK, UNET_WORK),
    Stage("vae", 167_000_000, 5_000_000, VAE_WORK, VAE_TILED),
)


class SDXL(PipelineGenerator, TextToImage):
    """See `TextToImage`."""

    card = ModelCard(
        id="sdxl",
        role="text_to_image",
        name="Stable Diffusion XL",
        licence="CreativeML Open RAIL++-M",
        non_commercial=False,
        source="stabilityai/stable-diffusion-xl-base-1.0",
        size_on_disk=6_940_000_000,
        need=needs(PUBLISHED),
        takes_prompt=True,
        parts=("model_index.json", *RECIPE.networks, *RECIPE.helpers),
    )
    recipe = RECIPE

    def paint(self, prompt: str, seed: int, report: Reporter) -> np.ndarray:
        """See `TextToImage`."""
        side = self.options.sized(SIDE, 64)
        found = self.run(
            seed,
            self.steps(STEPS),
            report,
            prompt=framed(prompt),
            negative_prompt=AVOIDED,
            guidance_scale=GUIDANCE,
            height=side,
            width=side,
        )
        return as_bytes(found.images[0])
