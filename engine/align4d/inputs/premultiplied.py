"""Premultiplied alpha: colors that were already darkened by their coverage. Movies with alpha do not say whether theirs are."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

LEAST_EDGE = 32
"""Half covered pixels by which the kind of alpha can be told."""


def is_premultiplied(pixels: np.ndarray) -> bool | None:
    """Whether the colors of a picture (H, W, 4) uint8 are multiplied by its alpha; None where it has too few soft edges to tell.

    No premultiplied color is brighter than its alpha, and at an edge it is the color of the object beside it times the alpha,
    where a straight one is that color itself.
    """
    alpha = pixels[..., 3]
    soft, solid = (alpha > 12) & (alpha < 243), alpha >= 243
    if soft.sum() < LEAST_EDGE or not solid.any():
        return None
    color, cover = pixels[..., :3][soft].astype(np.float32), alpha[soft].astype(np.float32)[:, None]
    if (color.max(axis=1, keepdims=True) > cover + 8).mean() > 0.01:
        return False
    nearest = ndimage.distance_transform_edt(~solid, return_distances=False, return_indices=True)
    beside = pixels[nearest[0][soft], nearest[1][soft], :3].astype(np.float32)
    return bool(np.abs(color - beside * cover / 255).mean() < np.abs(color - beside).mean())


def straight(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 with straight alpha, of premultiplied ones."""
    alpha = pixels[..., 3:].astype(np.float32)
    color = (pixels[..., :3] * (255 / np.maximum(alpha, 1)) + 0.5).clip(0, 255)
    return np.concatenate([color.astype(np.uint8), pixels[..., 3:]], axis=2)
