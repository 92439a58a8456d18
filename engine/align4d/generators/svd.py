"""Stable Video Diffusion: image to video (Blattmann et al., 2023); the paper's choice. It takes no prompt."""

from __future__ import annotations

import numpy as np

from ..job.reporting import Reporter
from ..models.card import ModelCard
from ..models.placing import ReservedMemory
from .diffusion_pipeline import Network, PipelineGenerator, Recipe, as_bytes, as_picture
from .interfaces import Footage, ImageToVideo
from .pictures import fit_on_white

SIZE, STEPS, FPS = (576, 1024), 25, 7
"""Height and width that it was trained with [px]; steps; frames a second."""

LONG, SHORT = 25, 14
"""Frames of the two published models."""

UNET_WORK = {LONG: (8_303_000_000, 4_764_000_000), SHORT: (4_666_000_000, 2_684_000_000)}
"""In the U-Net, as a whole and with its feed-forward layers in chunks, counted on the real architecture [bytes]."""

DECODED, DECODED_FRUGAL = 4, 1
"""Frames that are decoded at once."""

VAE_WORK, VAE_FRUGAL = 4_832_000_000, 1_700_000_000
"""Counted; the second is that of encoding the picture, which is done in float32 [bytes]."""


RESERVED = {LONG: ReservedMemory(14_350_000_000, 8_820_000_000), SHORT: ReservedMemory(9_680_000_000, 5_140_000_000)}
"""Counted by playing the allocator [bytes]: blocks that the U-Net leaves behind are of little use for decoding."""


def recipe_for(frames: int) -> Recipe:
    """For a model of so many frames."""
    return Recipe(
        "StableVideoDiffusionPipeline",
        {
            "image_encoder": Network("transformers.CLIPVisionModelWithProjection", 1_264_000_000, 7_000_000, 60_000_000, 60_000_000),
            "unet": Network("UNetSpatioTemporalConditionModel", 3_049_000_000, 59_000_000, *UNET_WORK[frames]),
            "vae": Network("AutoencoderKLTemporalDecoder", 195_000_000, 5_000_000, VAE_WORK, VAE_FRUGAL),
        },
        {"feature_extractor": "transformers.CLIPImageProcessorPil", "scheduler": "EulerDiscreteScheduler"},
        reserved=RESERVED[frames],
    )


class SVD(PipelineGenerator, ImageToVideo):
    """See `ImageToVideo`: 25 frames."""

    card = ModelCard(
        id="svd",
        role="image_to_video",
        name="Stable Video Diffusion XT, 25 frames",
        license="Stability AI Community License",
        non_commercial=True,
        source="stabilityai/stable-video-diffusion-img2vid-xt",
        size_on_disk=4_510_000_000,
        need=recipe_for(LONG).need(),
        parts=recipe_for(LONG).parts,
    )
    recipe = recipe_for(LONG)

    def animate(self, picture: np.ndarray, prompt: str, seed: int, report: Reporter) -> Footage:
        """See `ImageToVideo`."""
        pipe, frugal = self.opened.pipe, self.opened.placement.frugal
        if frugal:
            pipe.unet.enable_forward_chunking()
        height, width = (self.options.sized(side, 64) for side in SIZE)
        found = self.run(
            seed,
            self.steps(STEPS),
            report,
            image=as_picture(fit_on_white(picture, height, width)),
            height=height,
            width=width,
            num_frames=self.options.frames or pipe.unet.config.num_frames,
            fps=FPS,
            decode_chunk_size=DECODED_FRUGAL if frugal else DECODED,
        )
        return Footage(as_bytes(found.frames[0]), FPS)


class ShortSVD(SVD):
    """See `ImageToVideo`: 14 frames."""

    card = ModelCard(
        id="svd-14",
        role="image_to_video",
        name="Stable Video Diffusion, 14 frames",
        license="Stability AI Community License",
        non_commercial=True,
        source="stabilityai/stable-video-diffusion-img2vid",
        size_on_disk=4_510_000_000,
        need=recipe_for(SHORT).need(),
        parts=recipe_for(SHORT).parts,
    )
    recipe = recipe_for(SHORT)
