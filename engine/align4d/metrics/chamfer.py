"""Chamfer distances between two moving surfaces, as the ActionBench benchmark (ActionMesh, arXiv 2601.16148) defines them.

All are sums of the two directions' mean distances, in world units; both surfaces are sampled evenly by area.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

SAMPLES = 10_000


def chamfer_figures(found: np.ndarray, true: np.ndarray, triangles: np.ndarray, seed: int = 0) -> dict[str, float]:
    """CD-3D, CD-4D and CD-M of (T, V, 3) motions of a mesh with (F, 3) triangles.

    cd_3d: per frame, after the rigid alignment that fits that frame best: shape only.
    cd_4d: per frame, without any: where the shape is (ActionBench aligns the first frame; here both start as the same mesh).
    cd_m: points are matched in the first frame and compared through time: motion.
    """
    rng = np.random.default_rng(seed)
    truth = _tracks(true, triangles, rng)
    tracks = _tracks(found, triangles, rng)
    return {
        "cd_3d": float(np.mean([chamfer(_aligned(now, then), then) for now, then in zip(tracks, truth, strict=True)])),
        "cd_4d": float(np.mean([chamfer(now, then) for now, then in zip(tracks, truth, strict=True)])),
        "cd_m": motion_chamfer(tracks, truth),
    }


def chamfer(first: np.ndarray, second: np.ndarray) -> float:
    """Symmetric Chamfer distance of (N, 3) and (M, 3) points."""
    return float(cKDTree(second).query(first)[0].mean() + cKDTree(first).query(second)[0].mean())


def motion_chamfer(first: np.ndarray, second: np.ndarray) -> float:
    """Symmetric distance through time of (T, N, 3) and (T, M, 3) tracks whose first frames are matched."""
    to_second = cKDTree(second[0]).query(first[0])[1]
    to_first = cKDTree(first[0]).query(second[0])[1]
    forward = np.linalg.norm(second[:, to_second] - first, axis=-1).mean()
    return float(forward + np.linalg.norm(first[:, to_first] - second, axis=-1).mean())


def _tracks(motion: np.ndarray, triangles: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, SAMPLES, 3) points that stay at their place of the surface, even by area in the first frame."""
    corners = motion[0][triangles].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chosen = rng.choice(len(triangles), SAMPLES, p=area / area.sum())
    weights = rng.dirichlet((1.0, 1.0, 1.0), SAMPLES)
    return np.stack([np.einsum("nk,nkc->nc", weights, frame[triangles[chosen]]) for frame in motion.astype(np.float64)])


def _aligned(points: np.ndarray, target: np.ndarray, rounds: int = 10) -> np.ndarray:
    """(N, 3) points moved rigidly onto (M, 3) by iterated closest points; a fifth of the points decides."""
    tree = cKDTree(target)
    for _ in range(rounds):
        deciding = points[::5]
        matched = target[tree.query(deciding)[1]]
        centre, goal = deciding.mean(axis=0), matched.mean(axis=0)
        u, _, vt = np.linalg.svd((deciding - centre).T @ (matched - goal))
        flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        points = (points - centre) @ (u @ flip @ vt) + goal
    return points
