"""Pictures of an object, fitted into frames: on white, the shape kept; and what that does to the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..cameras.orbit import Orbit


@dataclass(frozen=True)
class Crop:
    """A square of a picture, which may reach over its border.

    Attributes:
        left, top: of its corner [px].
        side: [px].
    """

    left: float
    top: float
    side: float


def fit_on_white(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8: all of `picture` (H, W, 3) in the middle, as large as it fits, white around it."""
    scale = fitting_scale(picture.shape, (height, width))
    size = min(width, max(1, round(picture.shape[1] * scale))), min(height, max(1, round(picture.shape[0] * scale)))
    small = Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.LANCZOS)
    frame = Image.new("RGB", (width, height), (255, 255, 255))
    frame.paste(small, ((width - size[0]) // 2, (height - size[1]) // 2))
    return np.asarray(frame)


def fitting_scale(shape: tuple[int, ...], size: tuple[int, int]) -> float:
    """By how much a picture of `shape` (H, W, ...) is scaled to fit into `size` (height, width)."""
    return min(size[0] / shape[0], size[1] / shape[1])


def fitted_fovy(fovy: float, shape: tuple[int, ...], size: tuple[int, int]) -> float:
    """Vertical field of view of the frame into which `fit_on_white` fits a picture of `shape` (H, W, ...) and `fovy` [degrees]."""
    tangent = math.tan(math.radians(fovy) / 2)
    return math.degrees(2 * math.atan(tangent * size[0] / (fitting_scale(shape, size) * shape[0])))


def whole_picture_camera(camera: Orbit, crop: Crop, shape: tuple[int, ...]) -> Orbit:
    """The camera of a picture of `shape` (H, W, ...), where `camera` is that of a square `crop` of it.

    The picture's camera stands at the same place. That the crop's middle is not the picture's is put into its direction, which is
    exact in the middle of the crop and nearly so around it.
    """
    focal = crop.side / 2 / math.tan(math.radians(camera.fovy) / 2)
    right = crop.left + crop.side / 2 - shape[1] / 2
    down = crop.top + crop.side / 2 - shape[0] / 2
    yaw, pitch = math.degrees(math.atan2(right, math.hypot(focal, down))), math.degrees(math.atan2(down, focal))
    return camera.moved(yaw=camera.yaw - yaw, pitch=camera.pitch + pitch, fovy=math.degrees(2 * math.atan(shape[0] / 2 / focal)))


def around_object(alpha: np.ndarray, margin: float) -> Crop:
    """The square around the object of the mask `alpha` (H, W) uint8, of which the object's longer side leaves `margin` of the side free."""
    rows, columns = (np.flatnonzero((alpha > 127).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return Crop(0.0, 0.0, float(max(alpha.shape)))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = max(bottom - top, right - left) / (1 - margin)
    return Crop((left + right - side) / 2, (top + bottom - side) / 2, side)


def cut_out(picture: np.ndarray, crop: Crop, side: int) -> np.ndarray:
    """(side, side, 4) uint8 of `picture` (H, W, 4); transparent beyond its border."""
    image = Image.fromarray(np.ascontiguousarray(picture)).convert("RGBa")  # premultiplied: resampling must not mix in hidden colors
    right, bottom = crop.left + crop.side, crop.top + crop.side
    over = [math.ceil(max(0.0, one)) + 1 for one in (-crop.left, -crop.top, right - image.width, bottom - image.height)]
    padded = Image.new("RGBa", (image.width + over[0] + over[2], image.height + over[1] + over[3]))
    padded.paste(image, (over[0], over[1]))
    box = (crop.left + over[0], crop.top + over[1], right + over[0], bottom + over[1])
    return np.asarray(padded.resize((side, side), Image.Resampling.LANCZOS, box=box).convert("RGBA"))


def cut_on_white(picture: np.ndarray, crop: Crop, side: int) -> np.ndarray:
    """(side, side, 3) uint8: what `cut_out` gives, on white."""
    white = Image.new("RGBA", (side, side), (255, 255, 255, 255))
    return np.asarray(Image.alpha_composite(white, Image.fromarray(cut_out(picture, crop, side))).convert("RGB"))
