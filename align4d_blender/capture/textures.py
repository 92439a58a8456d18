"""Images of Blender -> the 8-bit sRGB pixels that a material shows."""

from __future__ import annotations

import bpy
import numpy as np

from ...engine.align4d.protocol.srgb import linear_to_srgb
from ..errors import UserError

MAX_SIDE = 2048
"""Larger images are averaged down to at most this many pixels a side: the engine looks from further away."""


def pixels_of(image: bpy.types.Image) -> np.ndarray:
    """The values that Blender holds of an image: float32 (H, W, channels), bottom row first.

    Raises: UserError where the image's file cannot be found or read.
    """
    width, height = image.size
    if width == 0 or height == 0:
        raise UserError(
            "texture_missing",
            f"The texture {image.name} cannot be loaded from {bpy.path.abspath(image.filepath) or 'its file'}.",
            "Use File > External Data > Find Missing Files, or take the texture out of the material.",
        )
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, image.channels)


def shown_colors(pixels: np.ndarray, linear: bool) -> np.ndarray:
    """The colors that an Image Texture node shows on screen under the Standard view.

    Args:
        pixels: of `pixels_of`; changed.
        linear: as `is_linear` says.

    Returns: uint8 (H, W, 4) sRGB and alpha, top row first.
    """
    rgba = _reduce(_as_rgba(pixels))
    if linear:
        rgba[..., :3] = linear_to_srgb(rgba[..., :3])
    rgba *= 255  # in place: each new array of a large texture costs as much as the arithmetic
    rgba += 0.5
    np.clip(rgba, 0, 255, out=rgba)
    return rgba[::-1].astype(np.uint8, order="C")


def is_linear(image: bpy.types.Image) -> bool:
    """Whether the values in `image.pixels` are what the shader gets: float buffers always, bytes where no sRGB curve is undone."""
    return image.is_float or image.colorspace_settings.is_data or image.colorspace_settings.name.startswith("Linear")


def _as_rgba(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 1..4) to (H, W, 4)."""
    height, width, channels = pixels.shape
    if channels == 4:
        return pixels
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = pixels[..., :3] if channels == 3 else pixels[..., :1]
    return rgba


def _reduce(rgba: np.ndarray) -> np.ndarray:
    """Averages blocks of pixels until the longer side is at most MAX_SIDE; the rest that fills no block is cut."""
    factor = -(-max(rgba.shape[:2]) // MAX_SIDE)
    if factor == 1:
        return rgba
    height, width = max(rgba.shape[0] // factor, 1), max(rgba.shape[1] // factor, 1)
    rows, columns = min(factor, rgba.shape[0]), min(factor, rgba.shape[1])
    blocks = rgba[: height * rows, : width * columns].reshape(height, rows, width, columns, 4)
    return blocks.mean((1, 3))
