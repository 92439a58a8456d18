"""An image sequence as a source of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ImageOps

from ..errors import EngineError
from .foreign import reading
from .image_file import open_image
from .pictures import Picture


class ImageSequence:
    """Images in order, each one frame. Raises EngineError "video_fps" where no frame rate is given."""

    def __init__(self, paths: tuple[str, ...], fps: float) -> None:
        if not fps > 0:
            raise EngineError("video_fps", "The image sequence has no frame rate.", "Set the frames per second of the image sequence.")
        self.paths = [Path(path) for path in paths]
        self.fps = fps
        self.notes: list[str] = []

    def pictures(self, first: int, last: int) -> Iterator[tuple[float, Picture]]:
        """See `Source`. Raises EngineError "video_missing", "video_unreadable" or "video_size"."""
        previous: Picture | None = None
        for index, path in enumerate(self.paths[first : None if last == -1 else last + 1]):
            picture = self._read(path, previous)
            if previous is not None and picture.size != previous.size:
                raise EngineError(
                    "video_size",
                    f"{path.name} is {picture.size[0]} x {picture.size[1]} px, the image before it {previous.size[0]} x {previous.size[1]}.",
                    "Choose images that all have the same size.",
                    "choose_video",
                )
            previous = picture
            yield first + index, picture

    def _read(self, path: Path, previous: Picture | None) -> Picture:
        if not path.is_file():
            raise EngineError("video_missing", f"The image {path.name} is not there.", "Choose the image sequence again.", "choose_video")
        try:
            with reading("video_unreadable", f"The image {path.name} cannot be read", "Replace it, or start the range after it.", "choose_video"):
                return Picture(read_image(path))
        except EngineError:
            if previous is None:
                raise
            self.notes.append(f"{path.name} cannot be read; the frame before it was used instead.")
            return previous


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) or, with alpha, (H, W, 4) uint8 sRGB, turned as its EXIF says; 16-bit images are reduced to 8.

    Raises OSError, ValueError and others of Pillow's.
    """
    with open_image(path) as file:
        image = ImageOps.exif_transpose(file)
        if image.mode.startswith("I") or image.mode == "F":
            gray = np.asarray(image).astype(np.float32) / (1.0 if image.mode == "F" else 257.0)
            return np.repeat(np.nan_to_num(gray.round()).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
        return np.array(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def load_picture(path: Path) -> np.ndarray:
    """`read_image` for a single picture that the artist chose. Raises EngineError "image_unreadable"."""
    with reading("image_unreadable", f"The image {path.name} cannot be read", "Choose another one, as PNG or JPEG.", "choose_image"):
        return read_image(path)
