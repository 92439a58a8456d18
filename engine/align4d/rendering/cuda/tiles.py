"""Triton kernels: blend the Gaussians of every tile front to back, and the gradient of that.

One program is one tile and one warp, and takes so many Gaussians at a time: their opacities in all pixels are computed at once, and what
light comes through to each is a running product over them.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..types import ALPHA_CUT, ALPHA_MAX, TRANSMITTANCE_STOP
from .geometry import _SLOT, _WIDTH

_CUT = tl.constexpr(ALPHA_CUT)
_MAX = tl.constexpr(ALPHA_MAX)
_STOP = tl.constexpr(TRANSMITTANCE_STOP)
_NEVER = tl.constexpr(1 << 30)


@triton.jit
def _pixels(tile, tiles_x, tiles, height, width, TILE_X: tl.constexpr, TILE_Y: tl.constexpr):
    """Camera, pixel columns and rows of the tile, and which lie in the image."""
    inner = tile % tiles
    lane = tl.arange(0, TILE_X * TILE_Y)
    x, y = (inner % tiles_x) * TILE_X + lane % TILE_X, (inner // tiles_x) * TILE_Y + lane // TILE_X
    return tile // tiles, x, y, (x < width) & (y < height)


@triton.jit
def _load_splats(owners, splats, j, there):
    """Rows of splats of the pairs j (G,), see `geometry`."""
    row = splats + tl.load(owners + j, mask=there, other=0).to(tl.int64) * _WIDTH
    shape = (tl.load(row, mask=there, other=0.0), tl.load(row + 1, mask=there, other=0.0), tl.load(row + 2, mask=there, other=0.0))
    falloff = (tl.load(row + 3, mask=there, other=0.0), tl.load(row + 4, mask=there, other=0.0), tl.load(row + 5, mask=there, other=0.0))
    color = (tl.load(row + 6, mask=there, other=0.0), tl.load(row + 7, mask=there, other=0.0), tl.load(row + 8, mask=there, other=0.0))
    return shape, falloff, color


@triton.jit
def _evaluate(shape, falloff, x, y):
    """u, dy and the unclamped alpha (G, P) at the pixel means (x, y) (P,)."""
    dy = y[None, :] - shape[1][:, None]
    u = x[None, :] - shape[0][:, None] - shape[2][:, None] * dy
    return u, dy, tl.exp2(falloff[2][:, None] - falloff[0][:, None] * u * u - falloff[1][:, None] * dy * dy)


@triton.jit
def blend_kernel(
    owners, starts, ends, splats, background, color, alpha, final, closed_by,
    height, width, tiles_x, tiles, TILE_X: tl.constexpr, TILE_Y: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Render one tile; see `cpu.tiles.blend` for the images. closed_by (C, H, W) is int32 here."""
    tile = tl.program_id(0)
    c, column, row, inside = _pixels(tile, tiles_x, tiles, height, width, TILE_X, TILE_Y)
    x, y = column.to(tl.float32) + 0.5, row.to(tl.float32) + 0.5
    start, end = tl.load(starts + tile), tl.load(ends + tile)
    through = tl.where(inside, 1.0, 0.0)
    last = tl.full([TILE_X * TILE_Y], 1.0, tl.float32)
    closed = tl.full([TILE_X * TILE_Y], _NEVER, tl.int32)
    red, green, blue = tl.zeros_like(last), tl.zeros_like(last), tl.zeros_like(last)
    k = start
    while k < end:
        j = k + tl.arange(0, CHUNK)
        there = j < end
        shape, falloff, shown = _load_splats(owners, splats, j, there)
        _, _, opacity = _evaluate(shape, falloff, x, y)
        opacity = tl.where(there[:, None] & (opacity >= _CUT), tl.minimum(opacity, _MAX), 0.0)
        stay = 1.0 - opacity
        after = through[None, :] * tl.cumprod(stay, 0)
        is_open = after > _STOP
        weight = tl.where(is_open, after / stay * opacity, 0.0)
        red += tl.sum(weight * shown[0][:, None], 0)
        green += tl.sum(weight * shown[1][:, None], 0)
        blue += tl.sum(weight * shown[2][:, None], 0)
        least = tl.min(after, 0)
        closes = (through > 0.0) & (least <= _STOP)
        closed = tl.where(closes, (k - start).to(tl.int32) + tl.sum(is_open.to(tl.int32), 0), closed)
        last = tl.minimum(last, tl.min(tl.where(is_open, after, 1.0), 0))
        through = tl.where(least > _STOP, least, 0.0)
        k = tl.where(tl.max(through) > 0.0, k + CHUNK, end)
    pixel = row * width + column
    area = height * width
    tl.store(color + c * 3 * area + pixel, red + last * tl.load(background), mask=inside)
    tl.store(color + (c * 3 + 1) * area + pixel, green + last * tl.load(background + 1), mask=inside)
    tl.store(color + (c * 3 + 2) * area + pixel, blue + last * tl.load(background + 2), mask=inside)
    tl.store(alpha + c * area + pixel, 1.0 - last, mask=inside)
    tl.store(final + c * area + pixel, last, mask=inside)
    tl.store(closed_by + c * area + pixel, closed, mask=inside)


@triton.jit
def _load_image(image, channels, c, area, pixel, inside):
    """The first three channels of a picture (C, channels, H, W)."""
    first = image + c * channels * area + pixel
    return (
        tl.load(first, mask=inside, other=0.0),
        tl.load(first + area, mask=inside, other=0.0),
        tl.load(first + 2 * area, mask=inside, other=0.0),
    )


@triton.jit
def blend_backward_kernel(
    slots, owners, starts, ends, splats, color, final, closed_by, g_color, g_alpha, shared, out, slot_width, height, width, tiles_x, tiles,
    TILE_X: tl.constexpr, TILE_Y: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Write each pair's gradient slot: sums over the tile's pixels of v, v u, v dy, v u^2, v u dy, v dy^2 with v = dLoss/d(log alpha), and the
    gradient of red, green, blue; where it is wide enough, see `geometry`, also what each has of the pictures `shared` (C, 3, H, W)."""
    tile = tl.program_id(0)
    c, column, row, inside = _pixels(tile, tiles_x, tiles, height, width, TILE_X, TILE_Y)
    x, y = column.to(tl.float32) + 0.5, row.to(tl.float32) + 0.5
    pixel, area = row * width + column, height * width
    g_red, g_green, g_blue = _load_image(g_color, 3, c, area, pixel, inside)
    red, green, blue = _load_image(color, 3, c, area, pixel, inside)
    closed = tl.load(closed_by + c * area + pixel, mask=inside, other=0)
    behind = g_red * red + g_green * green + g_blue * blue
    behind -= tl.load(g_alpha + c * area + pixel, mask=inside, other=0.0) * tl.load(final + c * area + pixel, mask=inside, other=0.0)
    through = tl.full([TILE_X * TILE_Y], 1.0, tl.float32)
    start = tl.load(starts + tile)
    end = tl.minimum(tl.load(ends + tile), start + tl.max(closed))
    first, second, third = _load_image(shared, 3, c, area, pixel, inside)
    k = start
    while k < end:
        j = k + tl.arange(0, CHUNK)
        there = j < end
        shape, falloff, shown = _load_splats(owners, splats, j, there)
        u, dy, unclamped = _evaluate(shape, falloff, x, y)
        counts = there[:, None] & (unclamped >= _CUT) & ((j - start).to(tl.int32)[:, None] < closed[None, :])
        opacity = tl.where(counts, tl.minimum(unclamped, _MAX), 0.0)
        stay = 1.0 - opacity
        after = through[None, :] * tl.cumprod(stay, 0)
        before = after / stay
        weight = opacity * before
        along = g_red[None, :] * shown[0][:, None] + g_green[None, :] * shown[1][:, None] + g_blue[None, :] * shown[2][:, None]
        passed = weight * along
        v = opacity * (before * along - (behind[None, :] - tl.cumsum(passed, 0)) / stay)
        v = tl.where(unclamped <= _MAX, v, 0.0)
        vu, vy = v * u, v * dy
        base = out + tl.load(slots + j, mask=there, other=0) * slot_width
        tl.store(base, tl.sum(v, 1), mask=there)
        tl.store(base + 1, tl.sum(vu, 1), mask=there)
        tl.store(base + 2, tl.sum(vy, 1), mask=there)
        tl.store(base + 3, tl.sum(vu * u, 1), mask=there)
        tl.store(base + 4, tl.sum(vu * dy, 1), mask=there)
        tl.store(base + 5, tl.sum(vy * dy, 1), mask=there)
        tl.store(base + 6, tl.sum(weight * g_red[None, :], 1), mask=there)
        tl.store(base + 7, tl.sum(weight * g_green[None, :], 1), mask=there)
        tl.store(base + 8, tl.sum(weight * g_blue[None, :], 1), mask=there)
        if slot_width > _SLOT:
            tl.store(base + 9, tl.sum(weight * first[None, :], 1), mask=there)
            tl.store(base + 10, tl.sum(weight * second[None, :], 1), mask=there)
            tl.store(base + 11, tl.sum(weight * third[None, :], 1), mask=there)
        behind -= tl.sum(passed, 0)
        through = tl.min(after, 0)
        k += CHUNK
