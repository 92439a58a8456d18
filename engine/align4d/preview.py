"""The picture that the panel shows while a job runs: the video's frame beside the render."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from .protocol import replacing

NAME = "output/preview.png"


def write_preview(folder: Path, frame: Tensor, render: Tensor) -> str:
    """Writes two pictures (3, H, W) side by side; returns the path relative to the job folder."""
    pair = np.concatenate([frame.cpu().numpy(), render.cpu().numpy()], axis=2).transpose(1, 2, 0)
    path = folder / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        Image.fromarray((pair.clip(0, 1) * 255).round().astype(np.uint8)).save(file, format="PNG")
    return NAME
