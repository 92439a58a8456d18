"""Image to video without any model: the object breathes and sways on its feet, whatever it is.

No substitute for a model that knows how things move: it lets a picture come alive where nothing was downloaded, and the plan says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from ..job.reporting import Reporter
from ..models.card import ModelCard, ModelNeed
from ..models.placing import Place
from .interfaces import Footage, GenerationOptions, ImageToVideo
from .pictures import around_object, fit_on_white

SIDE, FRAMES, FPS = 768, 24, 12
"""Of the video: it ends where it began, so that it can be played in a loop."""

LEAN = 0.05
"""By how much the top moves to either side, of the object's longer side."""

BREATH = 0.015
"""By how much the object grows and shrinks in height."""

WHITE = 250
"""Level from which a pixel belongs to the background."""


class Sway(ImageToVideo):
    """See `ImageToVideo`."""

    card = ModelCard(
        id="sway",
        role="image_to_video",
        name="Sway, no model",
        license="GPL-3.0-or-later",
        non_commercial=False,
        source="",
        size_on_disk=0,
        need=ModelNeed(0, 0, 0),
    )

    def __init__(self, options: GenerationOptions) -> None:
        self.options = options

    @classmethod
    def open(cls, folder: Path, place: Place, options: GenerationOptions) -> Self:
        """See `Generator`."""
        return cls(options)

    def animate(self, picture: np.ndarray, prompt: str, seed: int, report: Reporter) -> Footage:
        """See `ImageToVideo`. The seed says to which side it leans first."""
        side, count = self.options.sized(SIDE, 2), self.options.frames or FRAMES
        first = fit_on_white(picture, side, side)
        object_here = around_object(np.where(first.min(axis=2) < WHITE, 255, 0).astype(np.uint8), 0.0)
        foot, height = object_here.top + object_here.side, object_here.side
        towards = 1 if np.random.default_rng(seed).integers(2) else -1
        frames = [first]
        for frame in range(1, count):
            report.check_cancelled()
            phase = 2 * np.pi * frame / count
            frames.append(_bent(first, foot, height, towards * LEAN * np.sin(phase), BREATH * np.sin(2 * phase)))
            report.progress(frame + 1, count)
        return Footage(np.stack(frames), FPS)


def _bent(picture: np.ndarray, foot: float, height: float, lean: float, growth: float) -> np.ndarray:
    """(H, W, 3) uint8: bent sideways, more the higher above `foot` [px], and grown from there; white comes in at the border."""
    rows, columns = np.arange(picture.shape[0]) + 0.5, np.arange(picture.shape[1]) + 0.5
    above = np.clip((foot - rows) / height, 0, None)
    source_rows = foot - (foot - rows) / (1 + growth)
    shift = lean * height * above**2
    down = np.stack([_looked_up(picture[:, :, band], source_rows) for band in range(3)], axis=2)
    bent = np.empty(picture.shape)
    for row in range(len(rows)):
        for band in range(3):
            bent[row, :, band] = np.interp(columns - shift[row], columns, down[row, :, band], left=255, right=255)
    return bent.round().astype(np.uint8)


def _looked_up(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(H, W) of (H, W) at fractional rows (H,) whose middles are at 0.5, linearly; white beyond the border."""
    place = rows - 0.5
    lower = np.floor(place).astype(int)
    part = (place - lower)[:, None]
    padded = np.pad(values.astype(np.float64), ((1, 1), (0, 0)), constant_values=255)
    last = len(padded) - 1
    return padded[np.clip(lower + 1, 0, last)] * (1 - part) + padded[np.clip(lower + 2, 0, last)] * part
