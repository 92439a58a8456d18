"""The soft edge of a mask at the size of the frame, unmixed from the background: color = alpha * object + (1 - alpha) * background.

Both colors are Gaussians, of what lies beside the edge on either side, and alpha is the likeliest one (Bayesian matting, Chuang et al. 2001)
near what the mask says: where the two are alike, or full of detail, the mask is believed.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

BAND = 0.004
"""Half width of the edge that is looked at, of the longest side."""
LEAST_BAND = 2.0
"""The least that it is [px]."""
NOTHING = 0.02
"""Alpha below this is background alone."""
BESIDE = 1.5
"""Standard deviation of the window that a color beside the edge is taken from [px]."""
THINNEST = 1.2
"""What is thinner than the edge shows its color in its middle, where that is at least this far from the mask's outline [px]."""
NOISE = 12.0
"""Standard deviation, of 255, that every color has at least."""
DETAIL = 3.0
"""How much the variance beside the edge counts: it is that of the nearest place, and not of this one."""
MASK_DOUBT = 0.25
"""Standard deviation of alpha from what the mask says."""
NEITHER = 12.0
"""Squared deviations from the line between the two colors above which a color is detail of one of them, about which the mask knows more."""


def matte(frame: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(H, W) float32 alpha in [0, 1], with soft edges, of a frame (H, W, 3) uint8 and a smaller mask of it, (h, w) float32 in [0, 1]."""
    height, width = frame.shape[:2]
    large = np.asarray(Image.fromarray(inside).resize((width, height), Image.Resampling.BICUBIC), np.float32).clip(0, 1)
    radius, pixels, mask = max(LEAST_BAND, BAND * max(height, width)), frame.astype(np.float32), large > 0.5
    depth = np.where(mask, ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask))
    soft = ndimage.gaussian_filter(large, 0.7)
    edge = depth <= radius
    ours, our_variance = _beside(pixels, _certain(mask, depth, radius), edge)
    behind, their_variance = _beside(pixels, _certain(~mask, depth, radius), edge)
    here, said = pixels[edge], soft[edge]
    towards = ours - behind
    variance = NOISE**2 + DETAIL * (our_variance * said[:, None] ** 2 + their_variance * (1 - said[:, None]) ** 2)
    precision = (towards**2 / variance).sum(axis=1)
    fitting = ((here - behind) * towards / variance).sum(axis=1)
    unmixed = ((fitting + said / MASK_DOUBT**2) / (precision + 1 / MASK_DOUBT**2)).clip(0, 1)
    apart = ((here - behind - unmixed[:, None] * towards) ** 2 / variance).sum(axis=1)
    alpha = mask.astype(np.float32)
    alpha[edge] = np.where(apart < NEITHER, unmixed, said)
    return alpha


def behind_edges(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32, what lies behind the object's edges in a picture (H, W, 3): the color of the nearest place without object."""
    certain = alpha < NOTHING
    if not certain.any():
        return np.ones(picture.shape, np.float32)
    rows, columns = ndimage.distance_transform_edt(~certain, return_distances=False, return_indices=True)
    return ndimage.gaussian_filter(picture.astype(np.float32), (1, 1, 0))[rows, columns]


def _certain(side: np.ndarray, depth: np.ndarray, radius: float) -> np.ndarray:
    """(H, W) bool: what is of one side alone, or the middle of what is thin there. `depth` (H, W): how far from the outline."""
    inner = depth * side
    return side & ((depth > radius) | ((inner >= ndimage.maximum_filter(inner, 3)) & (depth > THINNEST)))


def _beside(pixels: np.ndarray, certain: np.ndarray, edge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) mean and (N, 3) variance of the certain colors nearest to each pixel of the edge (H, W) bool; of all of the edge where none is."""
    source = certain if certain.any() else edge
    weight = ndimage.gaussian_filter(source.astype(np.float32), BESIDE) + 1e-4
    rows, columns = (one[edge] for one in ndimage.distance_transform_edt(~source, return_distances=False, return_indices=True))

    def local(layers: np.ndarray) -> np.ndarray:
        means: np.ndarray = ndimage.gaussian_filter(layers * source[..., None], (BESIDE, BESIDE, 0))[rows, columns] / weight[rows, columns, None]
        return means

    mean = local(pixels)
    return mean, np.maximum(local(pixels**2) - mean**2, 0)
