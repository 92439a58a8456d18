"""BLIP: image to text (Li et al., 2022), for models of video that want a prompt where the artist gave none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from ..models.card import ModelCard
from ..models.component_folder import find_component
from ..models.component_loading import load_network, load_processor, require_libraries
from ..models.memory_estimate import out_of_memory_as_sentence
from ..models.placing import Place, Stage, choose_placement, needs
from .diffusion_pipeline import Network, as_picture, stage_of
from .interfaces import GenerationOptions, ImageToText

WORK = 150_000_000
"""Of the picture encoder at 384 px, with room for the words [bytes]."""

SIZE, LARGEST = 495_000_000, 47_000_000
"""Of the published weights, and of their largest tensor, in half precision [bytes]."""

LONGEST = 40
"""Tokens of a caption."""


class Blip(ImageToText):
    """See `ImageToText`."""

    card = ModelCard(
        id="blip",
        role="image_to_text",
        name="BLIP, base",
        license="BSD-3-Clause",
        non_commercial=False,
        source="Salesforce/blip-image-captioning-base",
        size_on_disk=990_000_000,
        need=needs((Stage("blip", SIZE, LARGEST, WORK, WORK),)),
        parts=(
            "config.json",
            "model.safetensors",
            "preprocessor_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "vocab.txt",
        ),
    )

    def __init__(self, model: Any, tokenizer: Any, pictures: Any, device: torch.device) -> None:
        self.model, self.tokenizer, self.pictures, self.device = model, tokenizer, pictures, device

    @classmethod
    def open(cls, folder: Path, place: Place, options: GenerationOptions) -> Self:
        """See `Generator`."""
        require_libraries()
        from transformers import BertTokenizer, BlipForConditionalGeneration, BlipImageProcessorPil

        dtype = torch.float16 if place.device.type == "cuda" else torch.float32
        component = find_component(folder, ".", "model", half=False)
        network = Network("transformers.BlipForConditionalGeneration", SIZE, LARGEST, WORK, WORK)
        choose_placement(cls.card.name, [stage_of(component, network, dtype)], place)
        model = load_network(BlipForConditionalGeneration, component, {"dtype": dtype}).to(place.device)
        tokenizer, pictures = (load_processor(kind, folder, ".") for kind in (BertTokenizer, BlipImageProcessorPil))
        return cls(model, tokenizer, pictures, place.device)

    @torch.inference_mode()
    def describe(self, picture: np.ndarray) -> str:
        """See `ImageToText`."""
        pixels = self.pictures(as_picture(picture), return_tensors="pt").pixel_values
        with out_of_memory_as_sentence(self.card.name):
            words = self.model.generate(pixel_values=pixels.to(self.device, self.model.dtype), max_new_tokens=LONGEST, do_sample=False)
        return self.tokenizer.decode(words[0], skip_special_tokens=True).strip().rstrip(".")
