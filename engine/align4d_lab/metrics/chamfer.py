"""Chamfer distances between two moving surfaces, as the ActionBench benchmark (ActionMesh, arXiv 2601.16148) defines them.

All are sums of the two directions' mean distances, in world units; surfaces are sampled evenly by area.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

SAMPLES = 10_000


def chamfer_figures(found: np.ndarray, true: np.ndarray, triangles: np.ndarray, seed: int = 0) -> dict[str, float]:
    """`track_figures` of (T, V, 3) motions of one mesh with (F, 3) triangles, both sampled anew; nothing is aligned but for CD-3D."""
    rng = np.random.default_rng(seed)
    truth = surface_tracks(true, triangles, rng)
    return track_figures(surface_tracks(found, triangles, rng), truth, align_first=False)


def track_figures(found: np.ndarray, true: np.ndarray, align_first: bool) -> dict[str, float]:
    """Of (T, N, 3) and (T, M, 3) points that each stay at their place of the surface.

    Args:
        align_first: move the found motion rigidly so that its first frame fits best, as ActionBench does before CD-4D and CD-M. Two
            motions of one mesh need none: they start as the same.

    Returns:
        cd_3d: per frame, after the rigid alignment that fits that frame best: shape only.
        cd_4d: per frame, in place: where the shape is.
        cd_m: points are matched in the first frame and compared through time: motion.
    """
    shapes = [chamfer(_moved(now, *rigid_onto(now, then)), then) for now, then in zip(found, true, strict=True)]
    placed = _moved(found, *rigid_onto(found[0], true[0])) if align_first else found
    return {"cd_3d": float(np.mean(shapes)), "cd_4d": chamfer_4d(placed, true), "cd_m": motion_chamfer(placed, true)}


def chamfer(first: np.ndarray, second: np.ndarray) -> float:
    """Symmetric Chamfer distance of (N, 3) and (M, 3) points."""
    return float(_nearest(second, first)[0].mean() + _nearest(first, second)[0].mean())


def chamfer_4d(first: np.ndarray, second: np.ndarray) -> float:
    """The mean over the frames of (T, N, 3) and (T, M, 3) points."""
    return float(np.mean([chamfer(now, then) for now, then in zip(first, second, strict=True)]))


def motion_chamfer(first: np.ndarray, second: np.ndarray) -> float:
    """Symmetric distance through time of (T, N, 3) and (T, M, 3) tracks whose first frames are matched."""
    to_second, to_first = _nearest(second[0], first[0])[1], _nearest(first[0], second[0])[1]
    forward = np.mean([np.linalg.norm(then[to_second] - now, axis=-1).mean() for now, then in zip(first, second, strict=True)])
    back = np.mean([np.linalg.norm(now[to_first] - then, axis=-1).mean() for now, then in zip(first, second, strict=True)])
    return float(forward + back)


def surface_tracks(motion: np.ndarray, triangles: np.ndarray, rng: np.random.Generator, count: int = SAMPLES) -> np.ndarray:
    """(T, count, 3) points that stay at their place of a (T, V, 3) surface, even by area in the first frame."""
    corners = motion[0][triangles].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chosen = rng.choice(len(triangles), count, p=area / area.sum())
    weights = rng.dirichlet((1.0, 1.0, 1.0), count)
    return np.stack([np.einsum("nk,nkc->nc", weights, frame[triangles[chosen]]) for frame in motion.astype(np.float64)])


def rigid_onto(points: np.ndarray, target: np.ndarray, rounds: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (3, 3) and offset (3,) that bring (N, 3) points onto (M, 3) by iterated closest points; a fifth of the points decides."""
    tree = cKDTree(target)
    rotation, offset = np.eye(3), np.zeros(3)
    deciding = points[::5]
    for _ in range(rounds):
        placed = _moved(deciding, rotation, offset)
        matched = target[tree.query(placed, workers=-1)[1]]
        center, goal = deciding.mean(axis=0), matched.mean(axis=0)
        u, _, vt = np.linalg.svd((deciding - center).T @ (matched - goal))
        flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        rotation = u @ flip @ vt
        offset = goal - center @ rotation
    return rotation, offset


def _moved(points: np.ndarray, rotation: np.ndarray, offset: np.ndarray) -> np.ndarray:
    return points @ rotation + offset


def _nearest(target: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to and index of the nearest target of each point."""
    distance, index = cKDTree(target).query(points, workers=-1)
    return distance, index
