"""The background without the object: where other frames show what a frame hides, once the camera's motion is taken out."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from .camera_motion import WHOLE, Area, CameraMotion, pull

MOST_FRAMES = 32
"""Frames that a plate is made of, spread over the clip."""
KEPT_OFF = 2
"""How far the plate stays away from what may be the object [px]: its edge and its blur are no background."""
NOISE = 5.0
"""Standard deviation, of 255, of the background's own grain and compression."""
MISFIT = 0.3
"""How much of the plate's gradient (of 255 a pixel) an alignment that is off by part of a pixel adds to that."""
SHADOWS = ((1.0, 0.0), (0.9, 0.5), (0.8, 1.0), (0.65, 1.5), (0.5, 2.0))
"""How dark a shadow may make the background, and what it costs in log density to say so."""


@dataclasses.dataclass(frozen=True)
class Plate:
    """The background as the first frame's camera would see it.

    Attributes:
        color: (H, W, 3) float32 in [0, 255]; NaN where no frame shows it.
    """

    color: np.ndarray

    def seen_in(self, motion: CameraMotion, frame: int, area: Area = WHOLE) -> np.ndarray:
        """(h, w, 3) float32, an area of what the camera of `frame` sees of it; NaN where it is not known."""
        return pull(self.color, np.linalg.inv(motion.homographies[frame]), area=area)


def spread_over(count: int, most: int) -> np.ndarray:
    """The numbers of at most so many of `count` frames, spread over the clip."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))


def make_plate(frames: np.ndarray, inside: np.ndarray, motion: CameraMotion) -> Plate:
    """The median of what is not the object: (T, H, W, 3) frames in [0, 255] and (T, H, W) masks in [0, 1]."""
    layers = []
    for frame in spread_over(len(frames), MOST_FRAMES):
        hidden = ndimage.maximum_filter(inside[frame], 2 * KEPT_OFF + 1) > 0.3
        layers.append(pull(np.where(hidden[..., None], np.nan, frames[frame]), motion.homographies[frame]))
    shown = np.sort(np.stack(layers), axis=0)  # unknown ones last
    count = np.isfinite(shown).sum(axis=0)
    return Plate(np.take_along_axis(shown, np.maximum(count - 1, 0)[None] // 2, axis=0)[0])


def log_density(picture: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """(H, W) float32: how likely the colors of a picture are as this background (H, W, 3), in shadow or not; NaN where that is unknown."""
    known = np.isfinite(plate).all(axis=2)
    filled = np.where(known[..., None], plate, 0)
    deviation = np.hypot(NOISE, MISFIT * ndimage.gaussian_gradient_magnitude(filled.mean(axis=2), 1.0))
    difference = [((picture - shadow * filled) ** 2).sum(axis=2) / (2 * deviation**2) + cost for shadow, cost in SHADOWS]
    density = -np.minimum.reduce(difference) - 3 * np.log(deviation) - 1.5 * np.log(2 * np.pi)
    return np.where(known, density, np.nan).astype(np.float32)
