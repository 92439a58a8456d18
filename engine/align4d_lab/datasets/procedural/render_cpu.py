"""The renderer on the CPU: images in parallel."""

from __future__ import annotations

import numpy as np

from align4d.kernels import njit

from . import layout as at
from .distance import F
from .pixels import TILE_HEIGHT, TILE_WIDTH, pixel, tile_sees
from .threads import in_threads


@njit(fastmath=True, cache=True, nogil=True)
def draw_image(rows: np.ndarray, camera: np.ndarray, supersampling: int, image: np.ndarray) -> None:
    """One image (3, size, size), tile after tile."""
    size = image.shape[1]
    order = np.empty(at.MAX_PRIMITIVES, np.int32)
    hidden = np.empty(at.MAX_PRIMITIVES, np.int32)
    for top in range(0, size, TILE_HEIGHT):
        for left in range(0, size, TILE_WIDTH):
            visible, unseen = 0, 0
            for i in range(1, int(rows[0, at.COUNT]) + 1):
                if tile_sees(rows[i], camera, F(left), F(top), F(size)):
                    order[visible] = i
                    visible += 1
                else:
                    hidden[unseen] = i
                    unseen += 1
            order[visible : visible + unseen] = hidden[:unseen]
            for row in range(top, min(top + TILE_HEIGHT, size)):
                for column in range(left, min(left + TILE_WIDTH, size)):
                    red, green, blue = F(1), F(1), F(1)
                    if visible > 0:
                        red, green, blue = pixel(rows, order, visible, camera, column, row, size, supersampling)
                    image[0, row, column] = red
                    image[1, row, column] = green
                    image[2, row, column] = blue


def draw_images(objects: np.ndarray, cameras: np.ndarray, supersampling: int, images: np.ndarray) -> None:
    """objects (n, ROWS, ROW_FLOATS), cameras (n, V, 3), images (n, V, 3, size, size): all float32; writes the images."""
    views = cameras.shape[1]

    def draw(first: int, after: int) -> None:
        for i in range(first, after):
            draw_image(objects[i // views], cameras[i // views, i % views], supersampling, images[i // views, i % views])

    in_threads(draw, cameras.shape[0] * views)
