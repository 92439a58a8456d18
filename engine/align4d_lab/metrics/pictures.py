"""Picture figures: PSNR and SSIM of 8-bit pictures, on processors."""

from __future__ import annotations

import math

import numba
import numpy as np

from align4d.kernels import njit

RADIUS = 5
SIGMA = 1.5
"""The Gaussian window of SSIM [px]: 11 wide (Wang et al. 2004)."""

_C1 = (0.01 * 255.0) ** 2
_C2 = (0.03 * 255.0) ** 2


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Peak signal-to-noise ratio [dB] of (..., H, W, 3) uint8, their squared errors pooled; infinite for equal ones."""
    difference = first.astype(np.int16) - second
    error = float(np.mean(np.square(difference, dtype=np.int32)))
    return 10 * math.log10(255.0**2 / error) if error > 0 else math.inf


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Structural similarity of two (H, W, 3) uint8 pictures: the mean over all pixels and channels, borders mirrored.

    The same number as torchmetrics' `structural_similarity_index_measure` with its defaults and a data range of 255, in a small
    part of its time: the window is separable, and no more than a few rows are stored.

    Raises:
        ValueError: the shapes differ, or the pictures are smaller than half the window.
    """
    if first.shape != second.shape or min(first.shape[:2]) <= RADIUS:
        raise ValueError(f"pictures of {first.shape} and {second.shape}; both need the same shape, larger than {RADIUS} px")
    taps = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    rows = _row_sums(np.ascontiguousarray(first), np.ascontiguousarray(second), (taps / taps.sum()).astype(np.float32))
    return float(rows.sum() / first.size)


@njit(cache=True, parallel=True, fastmath=True)
def _row_sums(first: np.ndarray, second: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """(H,) float64: the similarity summed over each row's pixels and channels."""
    height, width = first.shape[:2]
    flat_a, flat_b = first.reshape(height, width * 3), second.reshape(height, width * 3)
    sums = np.zeros(height)
    for row in numba.prange(height):
        down = _down_columns(flat_a, flat_b, row, taps)
        sums[row] = _similarity(_along_row(down, taps))
    return sums


@njit(cache=True, fastmath=True)
def _down_columns(first: np.ndarray, second: np.ndarray, row: int, taps: np.ndarray) -> np.ndarray:
    """(5, 3 W + 6 RADIUS) float32: means of a, b, a², b² and ab over the window's column around `row`, with mirrored ends.

    All of a row's values at once: they lie side by side, so that the loop is vectorized.
    """
    height, values = first.shape
    moments = np.zeros((5, values + 6 * RADIUS), np.float32)
    for tap in range(2 * RADIUS + 1):
        weight = taps[tap]
        source = abs(row + tap - RADIUS)
        source = min(source, 2 * (height - 1) - source)
        line_a, line_b = first[source], second[source]
        for index in range(values):
            a, b = np.float32(line_a[index]), np.float32(line_b[index])
            place = index + 3 * RADIUS
            moments[0, place] += weight * a
            moments[1, place] += weight * b
            moments[2, place] += weight * a * a
            moments[3, place] += weight * b * b
            moments[4, place] += weight * a * b
    for moment in range(5):
        for pixel in range(RADIUS):
            for channel in range(3):
                moments[moment, 3 * pixel + channel] = moments[moment, 3 * (2 * RADIUS - pixel) + channel]
                end = values + 3 * RADIUS
                moments[moment, end + 3 * pixel + channel] = moments[moment, end - 3 * (pixel + 2) + channel]
    return moments


@njit(cache=True, fastmath=True)
def _along_row(moments: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """(5, 3 W) float32: the means over the whole window."""
    values = moments.shape[1] - 6 * RADIUS
    means = np.zeros((5, values), np.float32)
    for moment in range(5):
        source, target = moments[moment], means[moment]
        for tap in range(2 * RADIUS + 1):
            weight = taps[tap]
            shift = 3 * tap
            for index in range(values):
                target[index] += weight * source[index + shift]
    return means


@njit(cache=True, fastmath=True)
def _similarity(means: np.ndarray) -> float:
    """The sum of the similarities (Wang et al. 2004, eq. 13) of a row's values."""
    total = 0.0
    for index in range(means.shape[1]):
        a, b = means[0, index], means[1, index]
        variances = max(means[2, index] - a * a, np.float32(0)) + max(means[3, index] - b * b, np.float32(0))
        covariance = means[4, index] - a * b
        total += (2 * a * b + _C1) * (2 * covariance + _C2) / ((a * a + b * b + _C1) * (variances + _C2))
    return total
