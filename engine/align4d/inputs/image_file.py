"""Pictures in files, opened by one function: named formats only, and not more pixels than can be worked on."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from PIL import Image

FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "GIF", "TGA")
"""What is opened. Pillow knows forty more, some of which start programs (EPS: Ghostscript) or are seldom tested."""

MOST_PIXELS = 1 << 27
"""Of one picture: 16384 x 8192."""

Image.MAX_IMAGE_PIXELS = None  # `checked` says so instead, also of a picture that trimesh has opened: trimesh would leave it out in silence


def open_image(source: Path | BinaryIO) -> Image.Image:
    """A picture whose pixels are not read yet; to be used in a `with`.

    Raises:
        OSError, ValueError: and, like whatever reads its pixels later, others of Pillow's.
    """
    image = Image.open(source, formats=[one for one in FORMATS if one != "MPO"])  # Pillow opens it as a JPEG
    try:
        return checked(image)
    except ValueError:
        image.close()
        raise


def checked(image: Image.Image) -> Image.Image:
    """A picture that somebody else opened. Raises ValueError where `open_image` would not have."""
    if image.format is not None and image.format not in FORMATS:
        raise ValueError(f"pictures of the format {image.format} are not read")
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels are too many")
    return image
