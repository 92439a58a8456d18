"""How likely a color is: a mixture of Gaussians, as GrabCut has it (Rother et al. 2004), looked up in a table."""

from __future__ import annotations

import numpy as np
from scipy.cluster.vq import kmeans2

LEVELS = 32
"""Steps of each channel in the table."""
MOST_PIXELS = 6000
"""Pixels that a mixture is fitted to."""
ROUNDS = 8
"""Of expectation and maximization."""
NARROWEST = 5.0
"""Standard deviation, of 255, that each Gaussian has at least: compression, grain and shading blur every color."""
OUTLIER = -3 * np.log(255) - 2
"""Log density of a color that belongs to nothing."""


def color_table(pixels: np.ndarray, components: int, seed: int) -> np.ndarray:
    """(LEVELS ** 3,) float32 log density of colors, fitted to the pixels (N, 3) in [0, 255]; no color is impossible."""
    steps = (np.arange(LEVELS) + 0.5) * (256 / LEVELS)
    colors = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.logaddexp(_mixture(pixels, components, seed, colors), OUTLIER).astype(np.float32)


def look_up(table: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """(H, W) float32 log density of the colors of a picture (H, W, 3) in [0, 255]."""
    red, green, blue = np.moveaxis((picture * (LEVELS / 256)).astype(np.int32).clip(0, LEVELS - 1), -1, 0)
    return table[(red * LEVELS + green) * LEVELS + blue]


def _mixture(pixels: np.ndarray, components: int, seed: int, colors: np.ndarray) -> np.ndarray:
    """(M,) log density, at `colors` (M, 3), of a mixture that is fitted to `pixels` (N, 3)."""
    if not len(pixels):
        return np.full(len(colors), -np.inf)
    chosen = pixels[np.random.default_rng(seed).permutation(len(pixels))[:MOST_PIXELS]].astype(np.float64)
    _, owner = kmeans2(chosen, min(components, len(chosen)), minit="++", rng=np.random.default_rng(seed), missing="warn")
    share = np.eye(owner.max() + 1)[owner]
    for _ in range(ROUNDS):
        weight = share.sum(axis=0) + 1e-6
        mean = share.T @ chosen / weight[:, None]
        centered = chosen[:, None] - mean
        spread = np.einsum("nk,nki,nkj->kij", share, centered, centered) / weight[:, None, None] + NARROWEST**2 * np.eye(3)
        parts = _log_densities(chosen, weight / weight.sum(), mean, spread)
        share = np.exp(parts - np.logaddexp.reduce(parts, axis=1, keepdims=True))
    return np.logaddexp.reduce(_log_densities(colors, weight / weight.sum(), mean, spread), axis=1)


def _log_densities(colors: np.ndarray, weight: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(M, K): log of weight times density of each Gaussian at each color."""
    columns = []
    for share, center, covariance in zip(weight, mean, spread, strict=True):
        whitened = (colors - center) @ np.linalg.cholesky(np.linalg.inv(covariance))
        constant = np.log(share) - 0.5 * np.linalg.slogdet(covariance)[1] - 1.5 * np.log(2 * np.pi)
        columns.append(constant - 0.5 * (whitened**2).sum(axis=1))
    return np.stack(columns, axis=1)
