"""One decoded picture, and its reduction to the engine's working size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from PIL import Image


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture as it comes from its file.

    Attributes:
        pixels: (H, W, 3) uint8 sRGB, or (H, W, 4) with straight alpha.
        pixel_aspect: width of a pixel over its height.
    """

    pixels: np.ndarray
    pixel_aspect: float = 1.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as shown, with square pixels [px]."""
        height, width = self.pixels.shape[:2]
        return max(1, round(width * self.pixel_aspect)), height

    def reduced(self, max_side: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Colors on white (h, w, 3) and alpha (h, w), both uint8; each output pixel is the mean of the area that it covers."""
        width, height = self.size
        scale = min(1.0, max_side / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        if self.pixels.shape[2] == 3:
            return _resize(self.pixels, size), None
        alpha = self.pixels[..., 3]
        return _resize(on_white(self.pixels), size), _resize(alpha, size)


class Source(Protocol):
    """Where pictures come from.

    Attributes:
        fps: frames a second, as players count them.
        notes: what went wrong without stopping; complete once `pictures` is exhausted.
    """

    fps: float
    notes: list[str]

    def pictures(self, first: int, last: int) -> Iterator[tuple[float, Picture]]:
        """What is shown from frame `first` to frame `last`, both included (-1: up to the end), as players count frames.

        Each picture once, in order, with when it begins to be shown [frames]; fewer where the source ends before.
        """
        ...


def on_white(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 with straight alpha, composited on white: (H, W, 3) uint8."""
    alpha = pixels[..., 3:].astype(np.uint16)
    return ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if size == (pixels.shape[1], pixels.shape[0]):
        return np.ascontiguousarray(pixels)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
