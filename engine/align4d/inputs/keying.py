"""Masks from a plain background: what differs from it is the object.

The background is estimated from the border of all frames, as one colour or, where light falls off, as a smooth gradient. A
pixel belongs to the object where it differs clearly, or differs at all and is connected to such a place (hysteresis): that keeps
near-white parts of an object on white. Edges are soft: colour = alpha * object + (1 - alpha) * background, solved for alpha.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

BORDER = 0.02
"""Width of the border that is looked at, as part of the shorter side."""
PLAIN = 0.6
"""Part of the border that has to agree for the background to count as plain; the rest may be the object, cut by the frame."""
FAINT, CLEAR = 4.0, 24.0
"""Least differences, of 255, that count as different at all and as clearly different; compression ringing lies below CLEAR."""
NOISIEST = 24.0
"""A background whose noise exceeds this (of 255) is not plain."""
SPECK = 1e-4
"""Parts and holes smaller than this part of the frame are dropped and filled."""


@dataclasses.dataclass(frozen=True)
class Background:
    """A plain background.

    Attributes:
        colour: (3,) or (H, W, 3) float32 in [0, 255].
        faint: differences up to this are noise.
    """

    colour: np.ndarray
    faint: float


def find_background(frames: np.ndarray) -> Background | None:
    """The plain background of (T, H, W, 3) uint8 frames, or None where there is none."""
    height, width = frames.shape[1:3]
    ring = np.ones((height, width), bool)
    margin = max(1, round(BORDER * min(height, width)))
    ring[margin:-margin, margin:-margin] = False
    rows, columns = np.nonzero(ring)
    border = frames[:, rows, columns].astype(np.float32)
    constant = np.median(border.reshape(-1, 3), axis=0).astype(np.float32)
    background = _judge(border, constant, constant)
    if background is not None:
        return background
    basis = _basis(rows / height, columns / width)
    coefficients = _fit(np.median(border, axis=0), basis)
    y, x = np.mgrid[:height, :width]
    everywhere = (_basis(y.ravel() / height, x.ravel() / width) @ coefficients).reshape(height, width, 3)
    return _judge(border, (basis @ coefficients).astype(np.float32), everywhere.astype(np.float32))


def key(frame: np.ndarray, background: Background) -> np.ndarray:
    """The alpha, (H, W) float32 in [0, 1], of one (H, W, 3) uint8 frame."""
    pixels = frame.astype(np.float32)
    difference = np.abs(pixels - background.colour).max(axis=2)
    clear = max(CLEAR, 3.0 * background.faint)
    mask = _hysteresis(difference, background.faint, clear)
    return _soften(pixels, difference, mask, background, clear)


def _judge(border: np.ndarray, expected: np.ndarray, everywhere: np.ndarray) -> Background | None:
    """A background where enough of the border (T, P, 3) agrees with `expected`; its noise is that of the part that agrees."""
    difference = np.abs(border - expected).max(axis=2)
    agrees = difference <= NOISIEST
    if agrees.mean() < PLAIN:
        return None
    noise = float(np.percentile(difference[agrees], 98.0))
    return Background(everywhere, max(FAINT, 1.5 * noise)) if noise <= NOISIEST / 2 else None


def _basis(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(P, 6) quadratic in the image plane."""
    return np.stack([np.ones_like(y), y, x, y * y, x * y, x * x], axis=1)


def _fit(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """(6, 3) least squares, repeated without what does not fit (the object at the border)."""
    keep = np.ones(len(values), bool)
    for _ in range(5):
        coefficients = np.linalg.lstsq(basis[keep], values[keep], rcond=None)[0]
        error = np.abs(basis @ coefficients - values).max(axis=1)
        keep = error <= max(4.0, 2.0 * float(np.median(error)))
    return coefficients


def _hysteresis(difference: np.ndarray, faint: float, clear: float) -> np.ndarray:
    """(H, W) bool: faint differences connected to clear ones, without specks and pinholes."""
    smooth = ndimage.gaussian_filter(difference, 0.7)
    labels, count = ndimage.label(smooth > faint, np.ones((3, 3)))
    if not count:
        return np.zeros(difference.shape, bool)
    strong = ndimage.maximum(smooth, labels, np.arange(count + 1)) > clear
    size = np.bincount(labels.ravel(), minlength=count + 1)
    speck = SPECK * difference.size
    wanted = strong & (size >= speck)
    wanted[0] = False
    mask = wanted[labels]
    holes, count = ndimage.label(~mask)
    small = np.bincount(holes.ravel(), minlength=count + 1) < speck
    small[0] = False
    return mask | small[holes]


def _soften(pixels: np.ndarray, difference: np.ndarray, mask: np.ndarray, background: Background, clear: float) -> np.ndarray:
    """Alpha: 1 inside, unmixed along the edge from the colour of the nearest solid place."""
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    ridge = (difference >= 0.9 * ndimage.maximum_filter(difference, 5)) & (difference > clear)
    solid = mask & (ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=2, border_value=1) | ridge)
    band = ndimage.binary_dilation(mask, np.ones((3, 3))) & ~solid
    alpha = mask.astype(np.float32)
    nearest = ndimage.distance_transform_edt(~solid, return_distances=False, return_indices=True)
    rows, columns = nearest[0][band], nearest[1][band]
    behind = np.broadcast_to(background.colour, pixels.shape)
    towards = pixels[rows, columns] - behind[band]
    contrast = np.abs(towards).max(axis=1)
    unmixed = ((pixels[band] - behind[band]) * towards).sum(axis=1) / np.maximum((towards**2).sum(axis=1), 1e-6)
    # An object as pale as the noise says nothing about its share: there the mask itself, smoothed, is the edge.
    blurred = ndimage.gaussian_filter(alpha, 0.7)[band]
    alpha[band] = np.where(contrast > clear, np.clip(unmixed, 0.0, 1.0), blurred)
    alpha[alpha < 0.02] = 0.0
    return alpha
