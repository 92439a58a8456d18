"""Wan 2.2 TI2V 5B: image and text to video (Wan Team, 2025)."""

from __future__ import annotations

from typing import Any

import torch

from ..models.card import ModelCard
from .diffusion_pipeline import Network, Recipe
from .prompted_video import AVOIDED, PromptedVideo

WORDS = 512
"""Tokens of a prompt that the model sees."""

ENCODER_WORK, TRANSFORMER_WORK, VAE_WORK, VAE_TILED = 400_000_000, 3_000_000_000, 9_000_000_000, 3_000_000_000
"""Rough: not counted on the real architecture [bytes]."""

RECIPE = Recipe(
    "WanImageToVideoPipeline",
    {
        "text_encoder": Network("transformers.UMT5EncoderModel", 11_360_000_000, 2_100_000_000, ENCODER_WORK, ENCODER_WORK),
        "transformer": Network("WanTransformer3DModel", 10_000_000_000, 88_000_000, TRANSFORMER_WORK, TRANSFORMER_WORK),
        "vae": Network("AutoencoderKLWan", 2_820_000_000, 110_000_000, VAE_WORK, VAE_TILED, exact=True),
    },
    {"tokenizer": "transformers.AutoTokenizer", "scheduler": "UniPCMultistepScheduler"},
    half=torch.bfloat16,
    told=("expand_timesteps",),
)


class Wan(PromptedVideo):
    """See `ImageToVideo`. The model makes up to 121 frames."""

    card = ModelCard(
        id="wan2.2",
        role="image_to_video",
        name="Wan 2.2 TI2V 5B",
        license="Apache-2.0",
        non_commercial=False,
        source="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        size_on_disk=34_000_000_000,
        need=RECIPE.need(),
        takes_prompt=True,
        parts=RECIPE.parts,
    )
    recipe = RECIPE
    size, group, usual_steps, guidance = (704, 1280), 4, 50, 5.0

    def words(self, prompt: str) -> dict[str, Any]:
        """Encoded here."""
        pipe, device = self.opened.pipe, self.opened.device
        return {"prompt_embeds": text_states(pipe, prompt, device), "negative_prompt_embeds": text_states(pipe, AVOIDED, device)}


@torch.inference_mode()
def text_states(pipe: Any, prompt: str, device: torch.device) -> torch.Tensor:
    """(1, WORDS, C): what the text encoder makes of a prompt, zeros behind its end. The pipeline's own way needs one more library."""
    words = pipe.tokenizer([prompt], padding="max_length", max_length=WORDS, truncation=True, return_tensors="pt").to(device)
    states = pipe.text_encoder(words.input_ids, words.attention_mask).last_hidden_state
    return states * words.attention_mask[..., None].to(states)
