"""The renderer on CUDA: a block draws a tile of an image. It runs the functions of the CPU's renderer, compiled for the device.

Needs the package numba-cuda (training only; it is not among the engine's dependencies).
"""

from __future__ import annotations

import torch
from numba import cuda, float32, int32

from . import layout as at
from .distance import F
from .pixels import TILE_HEIGHT, TILE_WIDTH, pixel, tile_sees

# Shapes of shared arrays must be this module's own constants.
ROWS = at.ROWS
OBJECT_SHAPE = (at.ROWS, at.ROW_FLOATS)
MAX_BLOCKS_Y = 65535
"""CUDA's limit of the grid's second axis: so many images are drawn by one launch."""


def draw_tile(objects, cameras, views, first, supersampling, images):  # type: ignore[no-untyped-def]  # compiled by numba
    """Kernel: grid (tiles of an image, images), block TILE_WIDTH * TILE_HEIGHT; arguments as draw_images's, the images flattened (n V, …)."""
    rows = cuda.shared.array(OBJECT_SHAPE, float32)
    camera = cuda.shared.array(3, float32)
    seen = cuda.shared.array(ROWS, int32)
    order = cuda.shared.array(ROWS, int32)
    thread = cuda.threadIdx.x
    image = first + cuda.blockIdx.y
    source = objects[image // views]
    size = images.shape[2]
    used = int32(source[0, at.COUNT])
    for i in range(thread, (used + 1) * at.ROW_FLOATS, TILE_WIDTH * TILE_HEIGHT):
        rows[i // at.ROW_FLOATS, i % at.ROW_FLOATS] = source[i // at.ROW_FLOATS, i % at.ROW_FLOATS]
    if thread < 3:
        camera[thread] = cameras[image // views, image % views, thread]
    cuda.syncthreads()
    tiles = (size + TILE_WIDTH - 1) // TILE_WIDTH
    left, top = (cuda.blockIdx.x % tiles) * TILE_WIDTH, (cuda.blockIdx.x // tiles) * TILE_HEIGHT
    if 1 <= thread <= used:
        seen[thread] = 1 if tile_sees(rows[thread], camera, F(left), F(top), F(size)) else 0
    cuda.syncthreads()
    visible = 0
    for i in range(1, used + 1):
        visible += seen[i]
    if 1 <= thread <= used:
        place = 0
        for i in range(1, thread):
            place += 1 if seen[i] == seen[thread] else 0
        order[place if seen[thread] else visible + place] = thread
    cuda.syncthreads()
    column, row = left + thread % TILE_WIDTH, top + thread // TILE_WIDTH
    if column < size and row < size:
        red, green, blue = F(1), F(1), F(1)
        if visible > 0:
            red, green, blue = pixel(rows, order, visible, camera, column, row, size, supersampling)
        images[image, 0, row, column] = red
        images[image, 1, row, column] = green
        images[image, 2, row, column] = blue


_kernel = cuda.jit(fastmath=True)(draw_tile)


def draw_images(objects: torch.Tensor, cameras: torch.Tensor, supersampling: int, images: torch.Tensor) -> None:
    """As render_cpu.draw_images, for tensors on one CUDA device, on torch's current stream."""
    size, count = images.shape[-1], images.shape[0] * images.shape[1]
    tiles = -(-size // TILE_WIDTH) * -(-size // TILE_HEIGHT)
    # torch's and numba's contexts are the same, the device's primary one
    with torch.cuda.device(objects.device), cuda.gpus[objects.device.index or 0]:
        stream = cuda.external_stream(torch.cuda.current_stream().cuda_stream)
        arrays = [cuda.as_cuda_array(tensor, sync=False) for tensor in (objects, cameras, images.view(count, 3, size, size))]
        for first in range(0, count, MAX_BLOCKS_Y):
            grid = (tiles, min(MAX_BLOCKS_Y, count - first))
            _kernel[grid, TILE_WIDTH * TILE_HEIGHT, stream](arrays[0], arrays[1], cameras.shape[1], first, supersampling, arrays[2])
