"""Whether a case's movie shows its frames when it should.

An encoder can repeat the first frame, so that frame t of the movie shows frame t - 1 of the truth. A result follows the
movie, as an artist would want, and would then be scored against a frame that it was never shown.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from align4d.inputs.video import load_clip
from align4d.protocol import VideoSpec

LARGEST = 3
"""Frames of lag that are looked for."""


def video_lag(case: Path) -> int | None:
    """By how many frames reference.mp4 comes after frames/*.png; None where the case has no such pictures."""
    pictures = sorted((case / "frames").glob("*.png"))
    if len(pictures) <= LARGEST:
        return None
    movie = load_clip(VideoSpec(path=str(case / "reference.mp4"))).frames.astype(np.float32)
    height, width = movie.shape[1:3]
    truth = np.stack([_on_white(path, (width, height)) for path in pictures])
    count = min(len(movie), len(truth))
    error = [float(np.abs(movie[lag:count] - truth[: count - lag]).mean()) for lag in range(LARGEST + 1)]
    return int(np.argmin(error))


def as_shown(true: np.ndarray, lag: int) -> np.ndarray:
    """The true frames (T, V, 3) in the order in which a movie with `lag` repeated first frames shows them."""
    return true[np.maximum(np.arange(len(true)) - lag, 0)]


def _on_white(path: Path, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) float32."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGBA").resize(size, Image.Resampling.BOX), np.float32)
    alpha = pixels[..., 3:] / 255
    return pixels[..., :3] * alpha + 255 * (1 - alpha)
