"""Cameras that move while they film. Standard library and numpy only."""

from __future__ import annotations

import numpy as np


def sampled(poses: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(T, 4, 4) float64 rigid matrices between those of `poses` (N, 4, 4); before the first and after the last the camera stands.

    Args:
        poses: camera to world or the inverse, their scale is ignored.
        places: (T,) where to look, 0 being the first pose and N - 1 the last.
    """
    at = np.clip(places, 0, len(poses) - 1)
    low = np.minimum(at.astype(int), max(len(poses) - 2, 0))
    high = np.minimum(low + 1, len(poses) - 1)
    part = (at - low)[:, None, None]
    between = poses[low] * (1 - part) + poses[high] * part
    left, _, right = np.linalg.svd(between[:, :3, :3])
    between[:, :3, :3] = left @ right  # the nearest rotation
    return between


def moves(viewmats: np.ndarray) -> np.ndarray:
    """(T, 4, 4) what takes the first camera's space to each one's, of world-to-camera matrices (T, 4, 4).

    `moves(viewmats) @ other` is a camera that stands at `other` (4, 4) first, and moves as these do.
    """
    found: np.ndarray = viewmats @ np.linalg.inv(viewmats[0])
    return found


def standing(frames: int) -> np.ndarray:
    """(T, 4, 4) moves of a camera that stands still."""
    return np.broadcast_to(np.eye(4), (frames, 4, 4))
