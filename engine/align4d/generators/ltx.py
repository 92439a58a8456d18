"""LTX-Video: image and text to video (Lightricks, 2024)."""

from __future__ import annotations

import numpy as np
import torch

from ..progress import Reporter
from .diffusion_pipeline import Network, PipelineGenerator, Recipe, as_bytes, as_picture
from .interfaces import Footage, ImageToVideo
from .model_card import ModelCard
from .pictures import fit_on_white
from .placing import Stage, needs
from .wan import AVOIDED, whole_groups

SIZE, FRAMES, STEPS, GUIDANCE, FPS = (480, 704), 49, 40, 3.0, 24

ENCODER_WORK, TRANSFORMER_WORK, VAE_WORK, VAE_TILED = 300_000_000, 1_000_000_000, 3_000_000_000, 1_200_000_000
"""Rough: not counted on the real architecture [bytes]."""

RECIPE = Recipe(
    "LTXImageToVideoPipeline",
    {
        "text_encoder": Network("transformers.T5EncoderModel", ENCODER_WORK, ENCODER_WORK),
        "transformer": Network("LTXVideoTransformer3DModel", TRANSFORMER_WORK, TRANSFORMER_WORK),
        "vae": Network("AutoencoderKLLTXVideo", VAE_WORK, VAE_TILED),
    },
    {"tokenizer": "transformers.T5TokenizerFast", "scheduler": "FlowMatchEulerDiscreteScheduler"},
    half=torch.bfloat16,
)

PUBLISHED = (
    Stage("text_encoder", 9_520_000_000, 263_000_000, ENCODER_WORK, ENCODER_WORK),
    Stage("transformer", 3_850_000_000, 34_000_000, TRANSFORMER_WORK, TRANSFORMER_WORK),
    Stage("vae", 840_000_000, 60_000_000, VAE_WORK, VAE_TILED),
)


class LTX(PipelineGenerator, ImageToVideo):
    """See `ImageToVideo`."""

    card = ModelCard(
        id="ltx",
        role="image_to_video",
        name="LTX-Video 2B",
        licence="LTX-Video Open Weights License",
        non_commercial=True,
        source="Lightricks/LTX-Video",
        size_on_disk=28_000_000_000,
        need=needs(PUBLISHED),
        takes_prompt=True,
        parts=("model_index.json", *RECIPE.networks, *RECIPE.helpers),
    )
    recipe = RECIPE

    def animate(self, picture: np.ndarray, prompt: str, seed: int, report: Reporter) -> Footage:
        """See `ImageToVideo`."""
        height, width = (self.options.sized(side, 32) for side in SIZE)
        found = self.run(
            seed,
            self.steps(STEPS),
            report,
            image=as_picture(fit_on_white(picture, height, width)),
            prompt=prompt,
            negative_prompt=AVOIDED,
            guidance_scale=GUIDANCE,
            height=height,
            width=width,
            num_frames=whole_groups(self.options.frames or FRAMES, 8),
            frame_rate=FPS,
        )
        return Footage(as_bytes(found.frames[0]), FPS)
