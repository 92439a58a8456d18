"""Poses that are fitted to a motion with the weights of a skin."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from align4d.bake.fitted_poses import fit_poses

FRAMES, PARTS = 3, 4


def limb() -> tuple[np.ndarray, np.ndarray]:
    """A cloud of points along X, and how they follow four parts: (V, 3), (V, K)."""
    points = np.random.default_rng(0).uniform((0, -0.1, -0.1), (1, 0.1, 0.1), (600, 3))
    weights = np.clip(1 - np.abs(points[:, :1] * (PARTS - 1) - np.arange(PARTS)), 0, 1)
    return points, weights / weights.sum(1, keepdims=True)


def poses(seed: int, angle: float, way: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(rng.normal(size=(FRAMES * PARTS, 3), scale=angle)).as_matrix().reshape(FRAMES, PARTS, 3, 3)
    return turns, rng.normal(size=(FRAMES, PARTS, 3), scale=way)


def skinned(turns: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    points, weights = limb()
    return np.einsum("vk,tkij,vj->tvi", weights, turns, points) + np.einsum("vk,tki->tvi", weights, shifts)


def off(turns: np.ndarray, shifts: np.ndarray, motion: np.ndarray) -> float:
    return float(np.linalg.norm(skinned(turns, shifts) - motion, axis=-1).mean())


def test_poses_come_nearer_to_a_motion_that_the_skin_can_show() -> None:
    points, weights = limb()
    turns, shifts = poses(1, 0.3, 0.05)
    motion = skinned(turns, shifts)
    bends, ways = poses(2, 0.05, 0.02)
    found = bends @ turns, shifts + ways
    before = [one.copy() for one in found]
    fitted = fit_poses(*found, weights, points, motion)
    assert off(*fitted, motion) < 0.25 * off(*found, motion)
    np.testing.assert_allclose(fitted[0] @ fitted[0].transpose(0, 1, 3, 2), np.broadcast_to(np.eye(3), fitted[0].shape), atol=1e-9)
    assert (np.linalg.det(fitted[0]) > 0).all()
    assert all((one == other).all() for one, other in zip(found, before, strict=True))


def test_a_part_that_moves_nothing_stays() -> None:
    points, weights = limb()
    turns, shifts = poses(1, 0.3, 0.05)
    weights = np.concatenate([weights[:, :3], np.zeros((len(weights), 1))], axis=1)
    weights /= weights.sum(1, keepdims=True) + 1e-12
    motion = np.random.default_rng(3).normal(size=(FRAMES, len(points), 3))
    fitted = fit_poses(turns, shifts, weights, points, motion)
    assert (fitted[0][:, 3] == turns[:, 3]).all() and (fitted[1][:, 3] == shifts[:, 3]).all()
    assert (fitted[0][:, 0] != turns[:, 0]).any()
