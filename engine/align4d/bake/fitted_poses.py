"""Poses of a skin's parts that bring it nearest to where a motion shows its points."""

from __future__ import annotations

import numpy as np

POINTS = 4000
"""So many of the points say where the parts are."""
SWEEPS = 4
"""Times that each part is fitted, with the others as they are."""
TIED = 0.05
"""How much it counts that a part's points stay where they were found: one that moves few points is not lost."""


def fit_poses(
    rotation: np.ndarray, translation: np.ndarray, weights: np.ndarray, points: np.ndarray, motion: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotation matrices (T, K, 3, 3) and translations (T, K, 3) with which linear blend skinning comes nearest to the motion.

    Each part in turn goes where it leaves least, in closed form (Le and Deng 2012, section 4.2).

    Args:
        rotation, translation: the same as they were found, x' = R x + t.
        weights: (V, K), rows sum to 1.
        points: (V, 3) at rest.
        motion: (T, V, 3).
    """
    some = np.random.default_rng(0).permutation(len(points))[:POINTS]
    weights, points, motion = weights[some], points[some], motion[:, some]
    found = rotation, translation
    rotation, translation = rotation.copy(), translation.copy()
    moved = [weights[:, part, None] * _placed(rotation, translation, points, part) for part in range(weights.shape[1])]
    left = motion - np.sum(moved, axis=0)
    for _ in range(SWEEPS):
        for part in np.flatnonzero(weights.any(axis=0)).tolist():
            own = np.flatnonzero(weights[:, part])
            share = weights[own, part, None]
            here = _placed(rotation, translation, points[own], part)
            wanted = here + left[:, own] / share
            rotation[:, part], translation[:, part] = _rigid(points[own], wanted, _placed(*found, points[own], part), share**2)
            left[:, own] -= share * (_placed(rotation, translation, points[own], part) - here)
    return rotation, translation


def _placed(rotation: np.ndarray, translation: np.ndarray, points: np.ndarray, part: int) -> np.ndarray:
    """(T, V, 3) of points that follow one part."""
    placed: np.ndarray = points @ rotation[:, part].transpose(0, 2, 1) + translation[:, None, part]
    return placed


def _rigid(points: np.ndarray, wanted: np.ndarray, found: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 3, 3) and translations (T, 3) that bring points (v, 3) nearest to `wanted`, a little to `found` (T, v, 3) (Kabsch)."""
    goal = (wanted + TIED * found) / (1 + TIED)
    total = weight.sum()
    center, middle = (weight * points).sum(0) / total, (weight * goal).sum(1) / total
    covariance = np.einsum("vi,tvj->tij", weight * (points - center), goal - middle[:, None])
    left, _, right = np.linalg.svd(covariance)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    turn = (left @ right).transpose(0, 2, 1)
    return turn, middle - np.einsum("tij,j->ti", turn, center)
