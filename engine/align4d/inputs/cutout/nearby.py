"""How likely a color is at its place: by the colors that are seen nearby, in a coarse grid of place and color (Chen et al. 2007)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

CELL = 16
"""Side of a cell of the grid [px]."""
LEVELS = 12
"""Steps of each channel."""
BLUR = (1.0, 1.0, 0.7, 0.7, 0.7)
"""Standard deviations of the window, in cells and steps."""
DISTANT = 40.0
"""Pixels of the picture as a whole that count beside the ones nearby: where few are near, they decide."""


def nearby_density(picture: np.ndarray, seen: np.ndarray, anywhere: np.ndarray) -> np.ndarray:
    """(H, W) float32 log density of each color, among the ones that are seen near its place.

    Args:
        picture: (H, W, 3) in [0, 255].
        seen: (H, W) bool, the pixels that are learned from.
        anywhere: (H, W) log density of the colors wherever they are.
    """
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    places = np.stack([rows.ravel() / CELL, columns.ravel() / CELL, *(picture.reshape(-1, 3).T * (LEVELS / 256))])
    shape = (height // CELL + 2, width // CELL + 2, *([LEVELS + 1] * 3))
    cells = np.ravel_multi_index(tuple(np.round(places[:, seen.ravel()]).astype(int)), shape)
    count = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape).astype(np.float32)
    count = ndimage.gaussian_filter(count, BLUR, mode="constant", truncate=2)
    alike = ndimage.map_coordinates(count, places, order=1).reshape(height, width)
    near = ndimage.map_coordinates(count.sum(axis=(2, 3, 4)), places[:2], order=1).reshape(height, width)
    density: np.ndarray = np.log((alike / (256 / LEVELS) ** 3 + DISTANT * np.exp(anywhere)) / (near + DISTANT))
    return density.astype(np.float32)
