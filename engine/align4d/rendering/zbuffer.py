"""An exact, opaque picture of a mesh: which triangle each pixel sees. Not differentiable; the measure for the Gaussians."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kernels import njit


@dataclass(frozen=True)
class SurfaceImage:
    """What each pixel sees.

    Attributes:
        triangle: (H, W) int32, -1 where there is nothing.
        barycentric: (H, W, 3) float32, perspective-correct.
        depth: (H, W) float32, camera z; inf where there is nothing.
    """

    triangle: np.ndarray
    barycentric: np.ndarray
    depth: np.ndarray


def render_surface(
    vertices: np.ndarray, triangles: np.ndarray, world_to_camera: np.ndarray, intrinsics: np.ndarray, size: tuple[int, int]
) -> SurfaceImage:
    """Rasterizes opaque triangles, sampled at pixel means.

    Args:
        vertices: (V, 3); triangles: (F, 3).
        world_to_camera: (4, 4), OpenCV axes; intrinsics: (3, 3) [px].
        size: height and width. Triangles with a corner behind the camera are left out.
    """
    camera = vertices @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        pixel = camera @ intrinsics.T
        projected = np.concatenate([pixel[:, :2] / pixel[:, 2:], camera[:, 2:]], axis=1)
    return SurfaceImage(*_fill(projected, triangles, *size))


@njit(cache=True, nogil=True)
def _fill(points, triangles, height, width):  # type: ignore[no-untyped-def]
    depth = np.full((height, width), np.inf, np.float32)
    seen = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    for f in range(triangles.shape[0]):
        a, b, c = points[triangles[f, 0]], points[triangles[f, 1]], points[triangles[f, 2]]
        if min(a[2], b[2], c[2]) <= 1e-6:
            continue
        area = (b[1] - c[1]) * (a[0] - c[0]) + (c[0] - b[0]) * (a[1] - c[1])
        if abs(area) < 1e-12:
            continue
        left, right = max(0, int(np.floor(min(a[0], b[0], c[0]) - 0.5))), min(width - 1, int(np.ceil(max(a[0], b[0], c[0]) - 0.5)))
        top, bottom = max(0, int(np.floor(min(a[1], b[1], c[1]) - 0.5))), min(height - 1, int(np.ceil(max(a[1], b[1], c[1]) - 0.5)))
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                x, y = column + 0.5 - c[0], row + 0.5 - c[1]
                u = ((b[1] - c[1]) * x + (c[0] - b[0]) * y) / area
                v = ((c[1] - a[1]) * x + (a[0] - c[0]) * y) / area
                w = 1.0 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                z = 1.0 / (u / a[2] + v / b[2] + w / c[2])
                if z < depth[row, column]:
                    depth[row, column], seen[row, column] = z, f
                    weights[row, column, 0] = u / a[2] * z
                    weights[row, column, 1] = v / b[2] * z
                    weights[row, column, 2] = w / c[2] * z
    return seen, weights, depth
