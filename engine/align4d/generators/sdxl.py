"""Stable Diffusion XL: text to image (Podell et al., 2023); the paper's choice."""

from __future__ import annotations

from ..models.card import ModelCard
from ..models.placing import ReservedMemory
from .diffusion_pipeline import Network, Recipe
from .prompted_picture import PromptedPicture
from .text_prompts import AVOIDED

UNET_WORK, VAE_WORK, VAE_TILED = 331_000_000, 3_400_000_000, 1_000_000_000
"""Counted on the real architecture at 1024 px, the copy of the decoder's weights in float32 included: it computes in float32, whatever its
weights are stored in [bytes]."""

RESERVED = ReservedMemory(8_770_000_000, 2_400_000_000)
"""Counted by playing the allocator: the last blocks of the decoder, 256 channels of 1024 x 1024, make most of it [bytes]."""

RECIPE = Recipe(
    "StableDiffusionXLPipeline",
    {
        "text_encoder": Network("transformers.CLIPTextModel", 246_000_000, 76_000_000, 20_000_000, 20_000_000),
        "text_encoder_2": Network("transformers.CLIPTextModelWithProjection", 1_390_000_000, 126_000_000, 40_000_000, 40_000_000),
        "unet": Network("UNet2DConditionModel", 5_135_000_000, 59_000_000, UNET_WORK, UNET_WORK),
        "vae": Network("AutoencoderKL", 167_000_000, 5_000_000, VAE_WORK, VAE_TILED),
    },
    {"tokenizer": "transformers.CLIPTokenizer", "tokenizer_2": "transformers.CLIPTokenizer", "scheduler": "EulerDiscreteScheduler"},
    constants={"add_watermarker": False},
    reserved=RESERVED,
)


class SDXL(PromptedPicture):
    """See `TextToImage`."""

    card = ModelCard(
        id="sdxl",
        role="text_to_image",
        name="Stable Diffusion XL",
        license="CreativeML Open RAIL++-M",
        non_commercial=False,
        source="stabilityai/stable-diffusion-xl-base-1.0",
        size_on_disk=6_940_000_000,
        need=RECIPE.need(),
        takes_prompt=True,
        parts=RECIPE.parts,
    )
    recipe = RECIPE
    multiple, usual_steps, guidance = 64, 30, 5.0
    more = {"negative_prompt": AVOIDED}
