"""Wan 2.2 TI2V 5B: image and text to video (Wan Team, 2025)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..progress import Reporter
from .diffusion_pipeline import Network, PipelineGenerator, Recipe, as_bytes, as_picture
from .interfaces import Footage, ImageToVideo
from .model_card import ModelCard
from .pictures import fit_on_white
from .placing import Stage, needs

SIZE, FRAMES, STEPS, GUIDANCE, FPS = (704, 1280), 49, 50, 5.0, 24
"""The model makes up to 121 frames; two seconds are enough for an asset's motion."""

WORDS = 512
"""Tokens of a prompt that the model sees."""

AVOIDED = "camera movement, cut, scenery, several objects, blurred, still picture, text"

ENCODER_WORK, TRANSFORMER_WORK, VAE_WORK, VAE_TILED = 400_000_000, 3_000_000_000, 9_000_000_000, 3_000_000_000
"""Rough: not counted on the real architecture [bytes]."""

RECIPE = Recipe(
    "WanImageToVideoPipeline",
    {
        "text_encoder": Network("transformers.UMT5EncoderModel", ENCODER_WORK, ENCODER_WORK),
        "transformer": Network("WanTransformer3DModel", TRANSFORMER_WORK, TRANSFORMER_WORK),
        "vae": Network("AutoencoderKLWan", VAE_WORK, VAE_TILED, exact=True),
    },
    {"tokenizer": "transformers.AutoTokenizer", "scheduler": "UniPCMultistepScheduler"},
    half=torch.bfloat16,
    told=("expand_timesteps",),
)

PUBLISHED = (
    Stage("text_encoder", 11_360_000_000, 2_100_000_000, ENCODER_WORK, ENCODER_WORK),
    Stage("transformer", 10_000_000_000, 88_000_000, TRANSFORMER_WORK, TRANSFORMER_WORK),
    Stage("vae", 2_820_000_000, 110_000_000, VAE_WORK, VAE_TILED),
)


class Wan(PipelineGenerator, ImageToVideo):
    """See `ImageToVideo`."""

    card = ModelCard(
        id="wan2.2",
        role="image_to_video",
        name="Wan 2.2 TI2V 5B",
        licence="Apache-2.0",
        non_commercial=False,
        source="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        size_on_disk=34_000_000_000,
        need=needs(PUBLISHED),
        takes_prompt=True,
        parts=("model_index.json", *RECIPE.networks, *RECIPE.helpers),
    )
    recipe = RECIPE

    def animate(self, picture: np.ndarray, prompt: str, seed: int, report: Reporter) -> Footage:
        """See `ImageToVideo`."""
        height, width = (self.options.sized(side, 32) for side in SIZE)
        pipe = self.opened.pipe
        found = self.run(
            seed,
            self.steps(STEPS),
            report,
            image=as_picture(fit_on_white(picture, height, width)),
            prompt_embeds=text_states(pipe, prompt, self.opened.device),
            negative_prompt_embeds=text_states(pipe, AVOIDED, self.opened.device),
            guidance_scale=GUIDANCE,
            height=height,
            width=width,
            num_frames=whole_groups(self.options.frames or FRAMES, 4),
        )
        return Footage(as_bytes(found.frames[0]), FPS)


@torch.inference_mode()
def text_states(pipe: Any, prompt: str, device: torch.device) -> torch.Tensor:
    """(1, WORDS, C): what the text encoder makes of a prompt, zeros behind its end. The pipeline's own way needs one more library."""
    words = pipe.tokenizer([prompt], padding="max_length", max_length=WORDS, truncation=True, return_tensors="pt").to(device)
    states = pipe.text_encoder(words.input_ids, words.attention_mask).last_hidden_state
    return states * words.attention_mask[..., None].to(states)


def whole_groups(frames: int, group: int) -> int:
    """The next number of frames that is one more than a multiple of `group`: the first is coded alone, the others in groups."""
    return max(1, round((frames - 1) / group)) * group + 1
