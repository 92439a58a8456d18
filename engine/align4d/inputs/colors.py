"""The color that the artist's material shows at a place of the surface."""

from __future__ import annotations

import numpy as np

from .asset import Asset


def colors_at(asset: Asset, triangle: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """sRGB colors in [0, 1], (N, 3) float32, at `triangle` (N,) and `barycentric` (N, 3)."""
    colors = np.empty((len(triangle), 3), np.float32)
    slots = asset.material[triangle]
    for slot in np.unique(slots):
        material = asset.materials[slot]
        here = slots == slot
        if material.kind == "flat":
            colors[here] = material.base_color
        elif material.kind == "attribute":
            colors[here] = _blend(asset.corner_color[triangle[here], :, :3], barycentric[here])
        else:
            assert material.image is not None  # load_asset has read it
            colors[here] = lookup(material.image, _blend(asset.corner_uv[triangle[here]], barycentric[here]))
    return np.clip(colors, 0.0, 1.0)


def lookup(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear, repeating lookup of a (H, W, 3) uint8 image (row 0 at the top) at (N, 2) uv with v upwards; (N, 3) float32 in [0, 1]."""
    height, width = image.shape[:2]
    # float64: a uv of 1000 still has to tell neighboring texels apart
    x = (uv[:, 0].astype(np.float64) % 1.0) * width - 0.5
    y = ((1.0 - uv[:, 1].astype(np.float64)) % 1.0) * height - 0.5
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right_share, bottom_share = (x - left)[:, None], (y - top)[:, None]
    columns, rows = (left % width, (left + 1) % width), (top % height, (top + 1) % height)
    upper = image[rows[0], columns[0]] * (1 - right_share) + image[rows[0], columns[1]] * right_share
    lower = image[rows[1], columns[0]] * (1 - right_share) + image[rows[1], columns[1]] * right_share
    return ((upper * (1 - bottom_share) + lower * bottom_share) / 255.0).astype(np.float32)


def _blend(corners: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    return np.einsum("nkc,nk->nc", corners, barycentric)
