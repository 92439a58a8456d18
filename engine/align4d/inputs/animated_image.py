"""An animated WebP as a source of pictures, through Pillow: FFmpeg cannot decode it before its version 9, and MP4 would lose its alpha."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from ..errors import EngineError
from ..protocol import read_webp
from .foreign import reading
from .image_file import open_image
from .pictures import Picture

_ADVICE = "Choose another file, or convert it to MP4 (H.264) first."


class AnimatedImage:
    """The frames of an animated WebP.

    Args:
        path: the file.
        fps: what its frame rate is to be called; 0 takes its own.

    Raises:
        EngineError: "video_unreadable", or "video_short" for a still picture.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.notes: list[str] = []
        with self._reading():
            found = read_webp(path)
        if found is None:
            raise EngineError("video_short", f"{path.name} is a single picture; motion needs two or more.", "Choose a video.", "choose_video")
        durations = np.maximum(found.durations, 1)
        self.shown = np.concatenate([[0], np.cumsum(durations)]) / durations.min()
        self.fps = fps or _whole(1000 / float(durations.min()))

    def pictures(self, first: int, last: int) -> Iterator[tuple[float, Picture]]:
        """See `Source`: a frame, as players count them, is as long as the shortest one. Raises EngineError "video_unreadable"."""
        with self._reading(), open_image(self.path) as image:
            for index, (at, until) in enumerate(zip(self.shown[:-1].tolist(), self.shown[1:].tolist(), strict=True)):
                if round(until) <= first or (last != -1 and round(at) > last):
                    continue
                image.seek(index)
                yield max(at, first), Picture(np.array(image.convert("RGBA" if image.has_transparency_data else "RGB")))

    def _reading(self) -> AbstractContextManager[None]:
        return reading("video_unreadable", f"{self.path.name} cannot be read as a video", _ADVICE, "choose_video")


def _whole(rate: float) -> float:
    """A rate that whole milliseconds cannot say, such as 12 frames a second of 83 ms."""
    whole = round(rate)
    return float(whole) if whole and abs(1000 / whole - 1000 / rate) <= 0.5 else rate
