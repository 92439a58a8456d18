"""The soft edge of a mask at the size of the frame, unmixed from the background: color = alpha * object + (1 - alpha) * background."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

BAND = 0.008
"""Half width of the edge that is looked at, of the longest side."""
LEAST_BAND = 2.0
"""The least that it is [px]."""
NOTHING = 0.02
"""Alpha below this is background alone."""
LEAST_CONTRAST = 24.0
"""Of 255: where object and background differ by less nothing can be unmixed."""


def matte(frame: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(H, W) float32 alpha in [0, 1], with soft edges, of a frame (H, W, 3) uint8 and a smaller mask of it, (h, w) float32 in [0, 1]."""
    height, width = frame.shape[:2]
    large = np.asarray(Image.fromarray(inside).resize((width, height), Image.Resampling.BICUBIC), np.float32).clip(0, 1)
    radius = max(LEAST_BAND, BAND * max(height, width))
    mask = large > 0.5
    depth = np.where(mask, ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask))
    pixels = frame.astype(np.float32)
    ours = _spread(pixels, mask & (depth > radius), mask)
    behind = _spread(pixels, ~mask & (depth > radius), ~mask)
    towards = ours - behind
    contrast = (towards**2).sum(axis=2)
    unmixed = ((pixels - behind) * towards).sum(axis=2) / np.maximum(contrast, 1)
    # a color away from the line between the two is detail of one of them, about which the mask knows more
    beside = np.abs(pixels - behind - unmixed[..., None] * towards).max(axis=2)
    trusted = (contrast > LEAST_CONTRAST**2) & (beside < 0.5 * np.sqrt(contrast)) & (depth <= radius)
    soft = ndimage.gaussian_filter(large, 0.7)
    alpha = np.where(trusted, unmixed.clip(0, 1), soft)
    return np.where(depth > radius, mask, alpha).astype(np.float32)


def behind_edges(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32, what lies behind the object's edges in a picture (H, W, 3): the color of the nearest place without object."""
    if not (alpha < NOTHING).any():
        return np.ones(picture.shape, np.float32)
    return _spread(picture.astype(np.float32), alpha < NOTHING, alpha < NOTHING)


def _spread(pixels: np.ndarray, certain: np.ndarray, side: np.ndarray) -> np.ndarray:
    """(H, W, 3): at each pixel the color of the nearest certain one; of the nearest on that side where none is certain."""
    source = certain if certain.any() else side
    if not source.any():
        return pixels
    rows, columns = ndimage.distance_transform_edt(~source, return_distances=False, return_indices=True)
    return ndimage.gaussian_filter(pixels, (1, 1, 0))[rows, columns]
