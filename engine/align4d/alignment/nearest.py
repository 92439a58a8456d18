"""Numba kernel: which surface point each pixel of an object is matched with, in many poses at once."""

from __future__ import annotations

import numpy as np

from ..kernels import njit
from ..rendering.cpu.threads import run


def nearest_points(places: np.ndarray, colors: np.ndarray, points: np.ndarray, shades: np.ndarray, extra: np.ndarray, weight: float) -> np.ndarray:
    """(B, M) int64 index of the point that is nearest to each pixel: distance in the picture, and in color times `weight`, and `extra`.

    Args:
        places, colors: (M, 2) and (M, 3) of the pixels, float32.
        points, shades, extra: (B, N, 2), (B, N, 3) and (B, N) of the points.
        weight: of a distance of 1 in color.
    """
    found = np.empty((len(points), len(places)), np.int64)
    across, down = np.ascontiguousarray(points[..., 0]), np.ascontiguousarray(points[..., 1])
    channels = np.ascontiguousarray(shades.transpose(0, 2, 1))
    run(_match, found.size, places, colors, across, down, channels, extra, np.float32(weight), found)
    return found


@njit(nogil=True, cache=True, fastmath={"nnan", "ninf", "nsz", "arcp", "contract", "reassoc"}, error_model="numpy")
def _match(part, parts, places, colors, across, down, channels, extra, weight, found):  # type: ignore[no-untyped-def]
    """Part p of n takes every n-th pixel from the p-th on; points come as one array of each coordinate, for the vectorizer."""
    poses, count = across.shape
    cost = np.empty(count, np.float32)
    for m in range(part, places.shape[0], parts):
        x, y = places[m, 0], places[m, 1]
        red, green, blue = colors[m, 0], colors[m, 1], colors[m, 2]
        for b in range(poses):
            xs, ys, reds, greens, blues, more = across[b], down[b], channels[b, 0], channels[b, 1], channels[b, 2], extra[b]
            for n in range(count):
                right, below = xs[n] - x, ys[n] - y
                r, g, bl = reds[n] - red, greens[n] - green, blues[n] - blue
                cost[n] = np.sqrt(right * right + below * below) + weight * np.sqrt(r * r + g * g + bl * bl) + more[n]
            found[b, m] = np.argmin(cost)
