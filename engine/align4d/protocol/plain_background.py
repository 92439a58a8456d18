"""Whether a clip has a plain background: estimated from the frames' border, as one color or, where light falls off, as a smooth gradient.

Both processes judge by this: Blender's side when a clip is chosen, the engine when it cuts the object out.
"""

from __future__ import annotations

import dataclasses

import numpy as np

BORDER = 0.02
"""Width of the border that is looked at, as part of the shorter side."""
PLAIN = 0.6
"""Part of the border that has to agree for the background to count as plain; the rest may be the object, cut by the frame."""
FAINT = 4.0
"""Least difference, of 255, that counts as different at all."""
NOISIEST = 24.0
"""A background whose noise exceeds this (of 255) is not plain."""


@dataclasses.dataclass(frozen=True)
class Background:
    """A plain background.

    Attributes:
        color: (3,) or (H, W, 3) float32 in [0, 255].
        faint: differences up to this are noise.
    """

    color: np.ndarray
    faint: float


def find_plain_background(frames: np.ndarray) -> Background | None:
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
