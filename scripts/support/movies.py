"""Pictures side by side, and as a movie. Needs the engine's environment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image


def on_white(path: Path) -> np.ndarray:
    """A picture file as (H, W, 3) uint8, composited on white where it has alpha."""
    with Image.open(path) as picture:
        rgba = picture.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB"))


def in_square(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture in the middle of a white square of (side, side, 3) uint8, as large as it fits."""
    image = Image.fromarray(picture)
    scale = side / max(image.size)
    image = image.resize((max(round(image.width * scale), 1), max(round(image.height * scale), 1)), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (side, side), "white")
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return np.asarray(square)


def sheet(frames: Sequence[np.ndarray], count: int = 4) -> np.ndarray:
    """`count` of (H, W, 3) uint8 frames, evenly over the movie, one under the other, without the white above and below."""
    chosen = np.stack([frames[index] for index in np.linspace(0, len(frames) - 1, count + 1).round().astype(int)[:-1]])
    inked = np.flatnonzero((chosen < 250).any(axis=(0, 2, 3)))
    low, high = (max(inked[0] - 8, 0), inked[-1] + 9) if len(inked) else (0, chosen.shape[1])
    return np.concatenate(list(chosen[:, low:high]))


def write_movie(path: Path, frames: Sequence[np.ndarray], fps: float) -> None:
    """An H.264 movie of (H, W, 3) uint8 frames with even sides."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=round(fps))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
