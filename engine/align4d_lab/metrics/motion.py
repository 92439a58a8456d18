"""Vertex figures: how near the found motion is to the true one. No alignment of any kind comes first."""

from __future__ import annotations

import dataclasses

import numpy as np

from align4d.cameras.orbit import Orbit


@dataclasses.dataclass(frozen=True)
class TrueView:
    """The camera that the video was really seen by.

    Attributes:
        azimuth, elevation: of the orbit camera [degrees]; azimuth 0 is on -Y looking along +Y, positive towards +X.
        distance: to `center`, in world units.
        fovy: vertical field of view [degrees].
        center: (3,) the point that it looks at.
        viewmats: (T, 4, 4) world-to-camera of each frame where the camera is known better than that: it moved, or looked past
            `center`. None where it stood still.
    """

    azimuth: float
    elevation: float
    distance: float
    fovy: float
    center: np.ndarray
    viewmats: np.ndarray | None = None

    def turned(self, azimuth: float) -> TrueView:
        """A still camera that stands `azimuth` degrees farther around."""
        return dataclasses.replace(self, azimuth=self.azimuth + azimuth, viewmats=None)

    def axes(self) -> np.ndarray:
        """(3, 3) float64, or (T, 3, 3) of each frame: rows are the camera's right, down and forward in the world (OpenCV axes)."""
        return self.world_to_camera()[:3, :3] if self.viewmats is None else self.viewmats[:, :3, :3]

    def world_to_camera(self) -> np.ndarray:
        """(4, 4) float64 of a camera that stands still."""
        matrix = Orbit(self.azimuth, self.elevation, self.distance).world_to_camera()
        matrix[:3, 3] -= matrix[:3, :3] @ self.center
        return matrix

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3), or (T, V, 3) where the camera moved, to (..., 2) image positions from the center, in image heights."""
        matrix = self.world_to_camera() if self.viewmats is None else self.viewmats
        local = points @ matrix[..., :3, :3].mT + matrix[..., None, :3, 3]
        return 0.5 / np.tan(np.radians(self.fovy) / 2) * local[..., :2] / local[..., 2:]

    def place(self) -> tuple[float, float, float]:
        """Azimuth and elevation [degrees] and distance of the camera's place around `center`; of its mean place where it moved."""
        if self.viewmats is None:
            return self.azimuth, self.elevation, self.distance
        places = -(self.viewmats[:, :3, :3].mT @ self.viewmats[:, :3, 3:])[..., 0]
        away = places.mean(axis=0) - self.center
        distance = float(np.linalg.norm(away))
        return float(np.degrees(np.arctan2(away[0], -away[1]))), float(np.degrees(np.arcsin(away[2] / distance))), distance


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
        depth_ratio: depth_error over that of a mesh that stands still; NaN where nothing moves in depth.
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
    parts = np.abs(error @ view.axes().mT)
    static_depth = float(np.abs((rest - true) @ view.axes().mT)[..., 2].mean())
    percent = 100.0 / longest_side(rest)
    return {
        "motion_explained": 1.0 - _mean_length(error) / moved if moved > 0 else float("nan"),
        "vertex_error": percent * _mean_length(error),
        "in_view_error": percent * float(parts[..., :2].mean()),
        "depth_error": percent * float(parts[..., 2].mean()),
        "depth_ratio": float(parts[..., 2].mean()) / static_depth if static_depth > 0 else float("nan"),
        "reprojection_error": 100.0 * _mean_length(view.project(found) - view.project(true)),
        "temporal_jerk": _jerk(found) / _jerk(true) if len(true) > 3 and _jerk(true) > 0 else float("nan"),
        "edge_stretch": _edge_stretch(found, true, rest, edges),
    }


def camera_figures(view: TrueView, azimuth: float, elevation: float, distance: float) -> dict[str, float]:
    """How far a found camera is off; the figures' names, all unsigned.

    Args:
        view: the true camera.
        azimuth, elevation: of the found camera's place around the same center [degrees].
        distance: of it, in world units.

    Returns:
        azimuth_error, elevation_error: [degrees].
        camera_error: angle between the two directions from the object to its camera [degrees].
        vaod_error: error of the distance over the true one.
    """
    true_azimuth, true_elevation, true_distance = view.place()
    found, true = _direction(azimuth, elevation), _direction(true_azimuth, true_elevation)
    return {
        "azimuth_error": angle_between(azimuth, true_azimuth),
        "elevation_error": angle_between(elevation, true_elevation),
        "camera_error": float(np.degrees(np.arctan2(np.linalg.norm(np.cross(found, true)), found @ true))),
        "vaod_error": abs(distance - true_distance) / true_distance,
    }


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    """(3,) unit vector towards a camera."""
    around, up = np.radians(azimuth), np.radians(elevation)
    return np.array([np.sin(around) * np.cos(up), -np.cos(around) * np.cos(up), np.sin(up)])


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
