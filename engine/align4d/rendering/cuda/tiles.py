"""Triton kernels: blend the Gaussians of every tile front to back, and the gradient of that.

One program is one tile and one warp: sums over a tile's pixels then need no barrier. Gaussians are loaded two ahead:
the compiler moves a load down to just before its use or to the end of the loop's body, whichever comes first, so that
one ahead would wait for memory in every step.
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
_LOOK_EVERY = tl.constexpr(32)
"""Gaussians between two looks at whether a tile still has an open pixel."""


@triton.jit
def _load_splat(splats, owner):
    """The nine fields of a splat row, see `geometry`."""
    row = splats + owner.to(tl.int64) * _WIDTH
    return (
        tl.load(row),
        tl.load(row + 1),
        tl.load(row + 2),
        tl.load(row + 3),
        tl.load(row + 4),
        tl.load(row + 5),
        tl.load(row + 6),
        tl.load(row + 7),
        tl.load(row + 8),
    )


@triton.jit
def _first_splats(owners, splats, start, end):
    """The first two splats of a tile, and the owner of the third."""
    first, second = _load_splat(splats, tl.load(owners + start)), _load_splat(splats, tl.load(owners + tl.minimum(start + 1, end - 1)))
    return first, second, tl.load(owners + tl.minimum(start + 2, end - 1))


@triton.jit
def _pixels(tile, tiles_x, tiles, height, width, TILE_X: tl.constexpr, TILE_Y: tl.constexpr):
    """Camera, pixel columns and rows of the tile, and which lie in the image."""
    inner = tile % tiles
    lane = tl.arange(0, TILE_X * TILE_Y)
    x, y = (inner % tiles_x) * TILE_X + lane % TILE_X, (inner // tiles_x) * TILE_Y + lane // TILE_X
    return tile // tiles, x, y, (x < width) & (y < height)


@triton.jit
def _evaluate(splat, x, y):
    """u, dy and the unclamped alpha at the pixel means (x, y)."""
    dy = y - splat[1]
    u = x - splat[0] - splat[2] * dy
    return u, dy, tl.exp2(splat[5] - splat[3] * u * u - splat[4] * dy * dy)


@triton.jit
def blend_kernel(
    owners, starts, ends, splats, background, color, alpha, final, closed_by,
    height, width, tiles_x, tiles, TILE_X: tl.constexpr, TILE_Y: tl.constexpr,
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
    if start < end:
        splat, second, third = _first_splats(owners, splats, start, end)
        k = start
        while k < end:
            stop = tl.minimum(k + _LOOK_EVERY, end)
            for j in range(k, stop):
                following = _load_splat(splats, third)
                third = tl.load(owners + tl.minimum(j + 3, end - 1))
                _, _, opacity = _evaluate(splat, x, y)
                opacity = tl.where(opacity >= _CUT, tl.minimum(opacity, _MAX), 0.0)
                after = through * (1.0 - opacity)
                is_open = after > _STOP
                weight = tl.where(is_open, through - after, 0.0)
                closed = tl.where((through > 0.0) & (after <= _STOP), (j - start).to(tl.int32), closed)
                through = tl.where(is_open, after, 0.0)
                last = tl.where(is_open, after, last)
                red += weight * splat[6]
                green += weight * splat[7]
                blue += weight * splat[8]
                splat, second = second, following
            k = tl.where(tl.max(through) > 0.0, stop, end)
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
    TILE_X: tl.constexpr, TILE_Y: tl.constexpr,
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
    shared_red, shared_green, shared_blue = _load_image(shared, 3, c, area, pixel, inside)
    if start < end:
        splat, second, third = _first_splats(owners, splats, start, end)
        slot = tl.load(slots + start)
        for j in range(start, end):
            following = _load_splat(splats, third)
            third = tl.load(owners + tl.minimum(j + 3, end - 1))
            next_slot = tl.load(slots + tl.minimum(j + 1, end - 1))
            u, dy, unclamped = _evaluate(splat, x, y)
            opacity = tl.where((unclamped >= _CUT) & ((j - start).to(tl.int32) < closed), tl.minimum(unclamped, _MAX), 0.0)
            weight = opacity * through
            along = g_red * splat[6] + g_green * splat[7] + g_blue * splat[8]
            behind -= weight * along
            v = opacity * (through * along - behind / (1.0 - opacity))
            v = tl.where(unclamped <= _MAX, v, 0.0)
            through *= 1.0 - opacity
            vu, vy = v * u, v * dy
            base = out + slot.to(tl.int64) * slot_width
            tl.store(base, tl.sum(v))
            tl.store(base + 1, tl.sum(vu))
            tl.store(base + 2, tl.sum(vy))
            tl.store(base + 3, tl.sum(vu * u))
            tl.store(base + 4, tl.sum(vu * dy))
            tl.store(base + 5, tl.sum(vy * dy))
            tl.store(base + 6, tl.sum(weight * g_red))
            tl.store(base + 7, tl.sum(weight * g_green))
            tl.store(base + 8, tl.sum(weight * g_blue))
            if slot_width > _SLOT:
                tl.store(base + 9, tl.sum(weight * shared_red))
                tl.store(base + 10, tl.sum(weight * shared_green))
                tl.store(base + 11, tl.sum(weight * shared_blue))
            slot, splat, second = next_slot, second, following
