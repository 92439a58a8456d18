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
LARGEST_HOLE = 0.02
"""Holes larger than this part of the frame are always background."""
RINGING = 3
"""How far compression's ringing is seen around a clear edge [px at 512]."""
_SQUARE = np.ones((3, 3), bool)


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
    difference = np.abs(frame - background.colour).max(axis=2)
    clear = max(CLEAR, 3.0 * background.faint)
    alpha = np.zeros(difference.shape, np.float32)
    rows, columns = np.flatnonzero((difference > clear).any(axis=1)), np.flatnonzero((difference > clear).any(axis=0))
    if not len(rows):
        return alpha
    # only around what is clearly different; half of its size again for pale parts that stick out
    margin = max(16, len(rows) // 2, len(columns) // 2)
    window = slice(max(0, rows[0] - margin), rows[-1] + margin + 1), slice(max(0, columns[0] - margin), columns[-1] + margin + 1)
    colour = np.broadcast_to(background.colour, frame.shape)[window]
    mask = _hysteresis(difference[window], background.faint, clear, difference.size)
    alpha[window] = _soften(frame[window].astype(np.float32), difference[window], mask, colour, clear)
    return alpha


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


def _hysteresis(difference: np.ndarray, faint: float, clear: float, frame_area: int) -> np.ndarray:
    """(H, W) bool: clear differences, their edge, and the faint ones connected to them, without specks.

    Within RINGING of a clear place a faint difference may be compression's doing: it counts only where it goes on to a pale area
    farther out, wide enough to survive an opening.
    """
    weak = ndimage.gaussian_filter(difference, 0.7) > faint
    strong = difference > clear
    if not strong.any():
        return strong
    ringing = ndimage.distance_transform_edt(~strong) <= RINGING
    pale = ndimage.binary_opening(weak & ~ringing, _disk(2))
    edge = ndimage.binary_dilation(strong, _SQUARE) & (difference > faint)
    candidates = strong | edge | (ndimage.binary_dilation(pale, _disk(RINGING + 1)) & weak)
    labels, count = ndimage.label(candidates, _SQUARE)
    wanted = ndimage.maximum(difference, labels, np.arange(count + 1)) > clear
    wanted &= np.bincount(labels.ravel(), minlength=count + 1) >= SPECK * frame_area
    wanted[0] = False
    return _fill(wanted[labels], difference, clear, frame_area)


def _fill(mask: np.ndarray, difference: np.ndarray, clear: float, frame_area: int) -> np.ndarray:
    """The mask without the holes that are no background: pinholes, and those with a pale rim (a part as bright as the background)."""
    labels, count = ndimage.label(~mask)
    size = np.bincount(labels.ravel(), minlength=count + 1)
    filled = size < SPECK * frame_area
    filled[0] = False
    for hole in np.flatnonzero(~filled & (size <= LARGEST_HOLE * frame_area)):
        if hole > 0:  # 0 is the mask itself
            rim = ndimage.binary_dilation(labels == hole, _disk(4)) & mask
            filled[hole] = rim.any() and float(np.median(difference[rim])) < 2.0 * clear
    return mask | filled[labels]


def _disk(radius: int) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return x * x + y * y <= radius * radius + 0.5


def _soften(pixels: np.ndarray, difference: np.ndarray, mask: np.ndarray, behind: np.ndarray, clear: float) -> np.ndarray:
    """Alpha: 1 inside, unmixed along the edge from the colour of the nearest solid place."""
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    ridge = (difference >= 0.9 * ndimage.maximum_filter(difference, 5)) & (difference > clear)
    solid = mask & (ndimage.binary_erosion(mask, _SQUARE, iterations=2, border_value=1) | ridge)
    band = ndimage.binary_dilation(mask, _SQUARE) & ~solid
    alpha = mask.astype(np.float32)
    nearest = ndimage.distance_transform_edt(~solid, return_distances=False, return_indices=True)
    rows, columns = nearest[0][band], nearest[1][band]
    towards = pixels[rows, columns] - behind[band]
    contrast = np.abs(towards).max(axis=1)
    unmixed = ((pixels[band] - behind[band]) * towards).sum(axis=1) / np.maximum((towards**2).sum(axis=1), 1e-6)
    # An object as pale as the noise says nothing about its share: there the mask itself, smoothed, is the edge.
    blurred = ndimage.gaussian_filter(alpha, 0.7)[band]
    alpha[band] = np.where(contrast > clear, np.clip(unmixed, 0.0, 1.0), blurred)
    alpha[alpha < 0.02] = 0.0
    return alpha
