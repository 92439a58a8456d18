"""Pictures of the artist's textured mesh in any pose, by a z-buffer: for novel-view figures and contact sheets."""

from __future__ import annotations

import dataclasses

import numpy as np

from align4d.inputs.asset import Asset
from align4d.inputs.colors import colors_at
from align4d.kernels import njit

_AMBIENT = 0.55


@dataclasses.dataclass(frozen=True)
class PictureCamera:
    """A pinhole camera: world-to-camera (4, 4) with OpenCV axes, vertical field of view [degrees], picture (width, height) [px]."""

    world_to_camera: np.ndarray
    fovy: float
    size: tuple[int, int]


def draw(asset: Asset, vertices: np.ndarray, camera: PictureCamera, shaded: bool = False, samples: int = 2) -> np.ndarray:
    """The mesh on white, (H, W, 3) uint8; arguments as of `draw_with_mask`."""
    return draw_with_mask(asset, vertices, camera, shaded, samples)[0]


def draw_with_mask(
    asset: Asset, vertices: np.ndarray, camera: PictureCamera, shaded: bool = False, samples: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """The mesh on white, and what of the picture it covers.

    Args:
        asset: triangles and colors.
        vertices: (V, 3) positions of the asset's vertices, in the camera's world.
        shaded: darken faces that are turned away from the camera; otherwise the plain colors.
        samples: samples per pixel and axis.

    Returns:
        (H, W, 3) and (H, W) uint8.
    """
    width, height = (side * samples for side in camera.size)
    local = vertices.astype(np.float64) @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]
    focal = 0.5 * height / np.tan(np.radians(camera.fovy) / 2)
    screen = local.copy()
    screen[:, :2] = focal * local[:, :2] / np.maximum(local[:, 2:], 1e-6) + np.array([width / 2, height / 2])
    triangle, weights = _z_buffer(screen, asset.triangles, width, height)
    picture = np.ones((height, width, 3), np.float32)
    hit = triangle >= 0
    picture[hit] = colors_at(asset, triangle[hit], weights[hit])
    if shaded:
        picture[hit] *= _shade(local, asset.triangles)[triangle[hit], None]
    layers = np.concatenate([picture, hit[..., None]], axis=2)
    small = np.round(255 * layers.reshape(camera.size[1], samples, camera.size[0], samples, 4).mean(axis=(1, 3))).astype(np.uint8)
    return small[..., :3], small[..., 3]


def _shade(local: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(F,) brightness under a lamp a little above and left of the camera."""
    corners = local[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    lamp = np.array([-0.35, -0.5, -0.79])
    return (_AMBIENT + (1 - _AMBIENT) * np.abs(normal @ lamp)).astype(np.float32)


@njit(cache=True)
def _z_buffer(screen: np.ndarray, triangles: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearest triangle (H, W), -1 for none, and perspective-true barycentric weights (H, W, 3), at each pixel's center."""
    depth = np.full((height, width), np.inf)
    nearest = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    for index in range(triangles.shape[0]):
        a, b, c = screen[triangles[index, 0]], screen[triangles[index, 1]], screen[triangles[index, 2]]
        if min(a[2], b[2], c[2]) <= 1e-4:
            continue
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0.0:
            continue
        left = max(int(np.floor(min(a[0], b[0], c[0]) - 0.5)), 0)
        right = min(int(np.ceil(max(a[0], b[0], c[0]))), width - 1)
        top = max(int(np.floor(min(a[1], b[1], c[1]) - 0.5)), 0)
        bottom = min(int(np.ceil(max(a[1], b[1], c[1]))), height - 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                x, y = column + 0.5, row + 0.5
                u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
                v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
                w = 1.0 - u - v
                if u < 0.0 or v < 0.0 or w < 0.0:
                    continue
                p, q, r = u / a[2], v / b[2], w / c[2]
                z = 1.0 / (p + q + r)
                if z < depth[row, column]:
                    depth[row, column] = z
                    nearest[row, column] = index
                    weights[row, column, 0] = p * z
                    weights[row, column, 1] = q * z
                    weights[row, column, 2] = r * z
    return nearest, weights
