"""The picture that the panel shows while a job runs: the video's frame beside the render.

Plain numbers and no image file: Blender's side reads them many times a minute, and Blender's own image reader would make a data-block each time.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from ..errors import Cancelled
from ..protocol import replacing
from .reporting import Reporter

log = logging.getLogger(__name__)

NAME = "work/preview.npy"


def show_preview(folder: Path, frame: Tensor, render: Callable[[], Tensor], report: Reporter) -> None:
    """Renders, writes and reports a picture. The job goes on without one, whatever goes wrong: a full disk, too little memory, a file in use.

    Args:
        folder: of the job.
        frame: of the video, (3, H, W) in [0, 1].
        render: makes the picture of the same size that stands beside it.
    """
    try:
        _write(folder / NAME, frame, render())
    except Cancelled:
        raise
    except Exception as error:
        log.warning("no preview: %r", error)
        return
    report.preview(NAME)


def _write(path: Path, frame: Tensor, render: Tensor) -> None:
    """Two pictures side by side, as uint8 (H, 2 W, 3), top row first."""
    pair = np.concatenate([frame.cpu().numpy(), render.cpu().numpy()], axis=2).transpose(1, 2, 0)
    content = io.BytesIO()
    np.save(content, (pair.clip(0, 1) * 255).round().astype(np.uint8), allow_pickle=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(content.getbuffer())
