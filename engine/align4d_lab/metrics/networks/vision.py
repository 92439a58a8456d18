"""Features of pictures by CLIP and DINO, through transformers, from a folder in the published layout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from align4d.errors import EngineError
from align4d.models.weights_file import read_header

from .weights import Unavailable, load_into, weights_in

CLIP_MEAN, CLIP_DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ClipPictures:
    """CLIP's picture side (ViT-B/32 for the similarities, ViT-L/14 for the aesthetic head).

    Args:
        models: folder of metric models.
        name: of the model's folder in it.
        smooth: shrink with antialiasing, as CLIP's own preparation does; VBench does without.

    Raises:
        Unavailable, EngineError: "metric_weights".
    """

    def __init__(self, models: Path | None, name: str, device: torch.device, smooth: bool) -> None:
        self.model = _pretrained(models, name, "CLIPVisionModelWithProjection").to(device)
        self.side = int(self.model.config.image_size)
        self.smooth = smooth

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """(N, D) unit features of (N, 3, H, W) sRGB in [0, 1]."""
        prepared = prepare(pictures, self.side, "bicubic", self.smooth, CLIP_MEAN, CLIP_DEVIATION)
        return functional.normalize(self.model(pixel_values=prepared).image_embeds, dim=-1)


class DinoPictures:
    """DINO ViT-B/16's class token, as VBench's subject consistency has it. Raises Unavailable, EngineError "metric_weights"."""

    def __init__(self, models: Path | None, name: str, device: torch.device) -> None:
        self.model = _pretrained(models, name, "ViTModel", add_pooling_layer=False).to(device)
        self.side = int(self.model.config.image_size)

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """(N, D) unit features of (N, 3, H, W) sRGB in [0, 1]."""
        prepared = prepare(pictures, self.side, "bilinear", False, IMAGENET_MEAN, IMAGENET_DEVIATION)
        return functional.normalize(self.model(pixel_values=prepared).last_hidden_state[:, 0], dim=-1)


class AestheticHead(nn.Module):
    """LAION's linear aesthetic score, 0 to 10, on unit features of CLIP ViT-L/14 (`weight`, `bias`: sa_0_4_vit_l_14_linear)."""

    def __init__(self, weights: Path, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(1, width)), nn.Parameter(torch.zeros(1))
        load_into(self, weights)

    @torch.inference_mode()
    def forward(self, features: Tensor) -> Tensor:
        """(N,) of (N, width) unit features."""
        return functional.linear(features, self.weight, self.bias)[:, 0]


def prepare(pictures: Tensor, side: int, mode: str, smooth: bool, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    """The shorter side to `side` px, rounded to 8 bits as the published preparations do, the middle cut out, normalized."""
    height, width = pictures.shape[2:]
    scale = side / min(height, width)
    size = (max(side, round(height * scale)), max(side, round(width * scale)))
    shrunk = functional.interpolate(pictures, size, mode=mode, antialias=smooth, align_corners=False)
    shrunk = (shrunk.clamp(0, 1) * 255).round() / 255
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    middle = shrunk[:, :, top : top + side, left : left + side]
    return (middle - middle.new_tensor(mean)[:, None, None]) / middle.new_tensor(deviation)[:, None, None]


def _pretrained(models: Path | None, name: str, kind: str, **options: Any) -> Any:
    """A transformers model from MODELS/NAME, from its safetensors only."""
    weights = weights_in(models, name)
    read_header(weights)  # a file that is cut short or claims gigabytes is refused before transformers opens it
    folder = weights.parent
    try:
        import transformers
    except ImportError as error:
        raise Unavailable('the library transformers is not installed (pip install "align4d[evaluation]")') from error
    with _quiet():
        try:
            model, loading = getattr(transformers, kind).from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True, **options
            )
        except (OSError, ValueError, KeyError, RuntimeError, json.JSONDecodeError) as error:
            raise _damaged(folder, kind, str(error).splitlines()[0]) from error
    if loading["missing_keys"]:
        raise _damaged(folder, kind, f"it lacks {', '.join(sorted(loading['missing_keys'])[:3])}")
    return model.requires_grad_(False).eval()


def _damaged(folder: Path, kind: str, reason: str) -> EngineError:
    return EngineError("metric_weights", f"{folder} does not hold a whole {kind}: {reason}.", "Get the folder again, with all its files.")


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers tells on stderr of the text half of CLIP, which is left out on purpose."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
