"""Vertex figures: how near the found motion is to the true one. No alignment of any kind comes first."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class TrueView:
    """The camera that the video was really seen by.

    Attributes:
        azimuth, elevation: of the orbit camera [degrees]; azimuth 0 is on -Y looking along +Y, positive towards +X.
        distance: to `center`, in world units.
        fovy: vertical field of view [degrees].
        center: (3,) the point that it looks at.
    """

    azimuth: float
    elevation: float
    distance: float
    fovy: float
    center: np.ndarray

    def axes(self) -> np.ndarray:
        """(3, 3) float64: rows are the camera's right, down and forward in the world (OpenCV axes)."""
        azimuth, elevation = np.radians(self.azimuth), np.radians(self.elevation)
        forward = np.array([-np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), -np.sin(elevation)])
        right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
        return np.stack([right, np.cross(forward, right), forward])

    def world_to_camera(self) -> np.ndarray:
        """(4, 4) float64."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.axes()
        matrix[:3, 3] = -matrix[:3, :3] @ self.center + np.array([0.0, 0.0, self.distance])
        return matrix

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) world points to (..., 2) image positions from the center, in image heights."""
        matrix = self.world_to_camera()
        local = points @ matrix[:3, :3].T + matrix[:3, 3]
        return 0.5 / np.tan(np.radians(self.fovy) / 2) * local[..., :2] / local[..., 2:]


def motion_figures(found: np.ndarray, true: np.ndarray, rest: np.ndarray, edges: np.ndarray, view: TrueView) -> dict[str, float]:
    """The figures of one result.

    Args:
        found, true: (T, V, 3) world positions.
        rest: (V, 3) the mesh as the artist gave it.
        edges: (E, 2) vertex indices.
        view: the true camera.

    Returns:
        motion_explained: 1 - sum |found - true| / sum |rest - true|; NaN where nothing moves.
        vertex_error: mean length of the difference [% of the rest mesh's longest side].
        in_view_error, depth_error: the same per axis: mean absolute component along the two image axes, and along the
            true viewing direction.
        reprojection_error: mean image distance through the true camera [% of the image height].
        temporal_jerk: mean length of the third difference over that of the true motion; NaN below four frames.
        edge_stretch: mean difference of the edges' lengths, each in units of its rest length.

    Raises:
        ValueError: the shapes do not belong together.
    """
    if found.shape != true.shape or found.shape[1:] != rest.shape:
        raise ValueError(f"found {found.shape}, true {true.shape} and rest {rest.shape} do not belong together")
    found, true, rest = (np.asarray(points, np.float64) for points in (found, true, rest))
    error = found - true
    moved = _mean_length(rest - true)
    parts = np.abs(error @ view.axes().T)
    percent = 100.0 / longest_side(rest)
    return {
        "motion_explained": 1.0 - _mean_length(error) / moved if moved > 0 else float("nan"),
        "vertex_error": percent * _mean_length(error),
        "in_view_error": percent * float(parts[..., :2].mean()),
        "depth_error": percent * float(parts[..., 2].mean()),
        "reprojection_error": 100.0 * _mean_length(view.project(found) - view.project(true)),
        "temporal_jerk": _jerk(found) / _jerk(true) if len(true) > 3 and _jerk(true) > 0 else float("nan"),
        "edge_stretch": _edge_stretch(found, true, rest, edges),
    }


def longest_side(points: np.ndarray) -> float:
    """Longest side of the box around (V, 3) points."""
    return float((points.max(axis=0) - points.min(axis=0)).max())


def angle_between(first: float, second: float) -> float:
    """Unsigned difference of two angles [degrees], at most 180."""
    return abs((first - second + 180.0) % 360.0 - 180.0)


def _mean_length(vectors: np.ndarray) -> float:
    return float(np.linalg.norm(vectors, axis=-1).mean())


def _jerk(motion: np.ndarray) -> float:
    return _mean_length(np.diff(motion, n=3, axis=0))


def _edge_stretch(found: np.ndarray, true: np.ndarray, rest: np.ndarray, edges: np.ndarray) -> float:
    """Mean over frames and edges."""
    return float(np.abs(_relative_lengths(found, rest, edges) - _relative_lengths(true, rest, edges)).mean())


def stretched_edges(motion: np.ndarray, rest: np.ndarray, edges: np.ndarray) -> float:
    """The least share of the edges that holds half of all the stretch of a `motion` (T, V, 3): small where joints crease, 0.5 where all gives alike.

    NaN where no edge changes its length. Other arguments as `motion_figures`.
    """
    stretch = np.sort(np.abs(_relative_lengths(motion, rest, edges) - 1).mean(axis=0))[::-1]
    if stretch.sum() == 0:
        return float("nan")
    return float((np.searchsorted(np.cumsum(stretch), 0.5 * stretch.sum()) + 1) / len(stretch))


def _relative_lengths(motion: np.ndarray, rest: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(T, E) of `motion` (T, V, 3), in units of the rest lengths; edges without length at rest are left out."""
    length = np.linalg.norm(rest[edges[:, 0]] - rest[edges[:, 1]], axis=-1)
    edges, length = edges[length > 0], length[length > 0]
    return np.linalg.norm(motion[:, edges[:, 0]] - motion[:, edges[:, 1]], axis=-1) / length
