"""Masks that a network predicts, shown to the artist while they come: a wrong one is seen before the long part of the job."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..errors import writing
from ..job.preview import show_preview
from ..job.reporting import Reporter
from ..protocol import replacing

FOLDER = "work/masks"
KEPT = "output/masks"
"""Where the masks that were used stay: pictures as `VideoSpec.masks` takes them."""
SIDE = 384
"""Longest side of a picture [px]."""
_BEHIND = 0.35
"""Gray behind the object in the preview: neither white nor black objects vanish on it."""

log = logging.getLogger(__name__)


class MaskPictures:
    """Each mask as a small picture of the object alone, in JOB/work/masks, named by its frame counted from 1; progress, preview and cancel.

    Args:
        folder: of the job.
    """

    def __init__(self, folder: Path, report: Reporter) -> None:
        self._folder, self._report = folder, report

    def __call__(self, done: int, total: int, picture: np.ndarray) -> None:
        """The `done`-th of `total` masks is there: the frame with its mask, (H, W, 4) uint8. Raises Cancelled."""
        small = Image.fromarray(picture)
        small.thumbnail((SIDE, SIDE))
        try:
            _write(self._folder / FOLDER / f"{done:04}.png", small)
        except OSError as error:  # only to look at: the job goes on without
            log.warning("no picture of a mask: %r", error)
        values = torch.from_numpy(np.array(small)).permute(2, 0, 1) / 255
        frame, alpha = values[:3], values[3:]
        show_preview(self._folder, frame, lambda: alpha * frame + (1 - alpha) * _BEHIND, self._report)
        self._report.progress(done, total)
        self._report.check_cancelled()


def write_masks(folder: Path, alpha: np.ndarray) -> None:
    """Masks (T, H, W) in [0, 1] as pictures, white on black, in JOB/output/masks: to be looked at, put right and given back.

    Raises EngineError "disk_full" or "cannot_write".
    """
    with writing():
        for frame, mask in enumerate(alpha):
            _write(folder / KEPT / f"{frame + 1:04}.png", Image.fromarray((mask.astype(np.float32) * 255).round().astype(np.uint8)))


def _write(path: Path, picture: Image.Image) -> None:
    content = io.BytesIO()
    picture.save(content, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(content.getbuffer())
