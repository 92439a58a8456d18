"""The picture that the panel shows while a job runs: the video's frame beside the render.

Plain numbers and no image file: Blender's side reads them many times a minute, and Blender's own image reader would make a data-block each time.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from torch import Tensor

from ..protocol import replacing

log = logging.getLogger(__name__)

NAME = "work/preview.npy"


def write_preview(folder: Path, frame: Tensor, render: Tensor) -> str:
    """Writes two pictures (3, H, W) in [0, 1] side by side, as uint8 (H, 2 W, 3), top row first; returns the path relative to the job folder."""
    pair = np.concatenate([frame.cpu().numpy(), render.cpu().numpy()], axis=2).transpose(1, 2, 0)
    path = folder / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path) as file:
            np.save(file, (pair.clip(0, 1) * 255).round().astype(np.uint8), allow_pickle=False)
    except PermissionError as error:  # Windows, while Blender reads the one before: the next one will do
        log.info("no preview: %s", error)
    return NAME
