"""Picture figures: PSNR and SSIM of uint8 pictures."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Peak signal-to-noise ratio [dB] of (..., H, W, 3) pictures, their squared errors pooled; infinite for equal ones."""
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    return float(10 * np.log10(255.0**2 / error)) if error > 0 else float("inf")


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Structural similarity of the luminance of two (H, W, 3) pictures (Wang et al. 2004: Gaussian window of 1.5 px, K1 0.01, K2 0.03)."""
    a, b = (picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114]) for picture in (first, second))

    def blur(values: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter(values, 1.5, truncate=3.5))

    mean_a, mean_b = blur(a), blur(b)
    variance_a, variance_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(np.mean(similarity / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))))
