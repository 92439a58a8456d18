"""Triton kernels: which Gaussians touch which tile, nearest first, without a sort.

Each Gaussian's place in the order of depth is the number of those before it, counted one by one: some thousand Gaussians are so few that
this takes a GPU less time than it takes to start the dozens of kernels of a sort. Then each tile goes through all in that order.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def rank_kernel(depths, counts, rects, order, columns, rows, first_slot, noted, total, count, blocks, BLOCK: tl.constexpr, OTHERS: tl.constexpr):
    """Fills, of each camera in the order of depth, `order` and the packed columns and rows of tiles (start, end << 16), 0 where none is touched.

    The program after the last fills `first_slot`, where each Gaussian's gradient slots start, and raises `noted` to their number.
    """
    program = tl.program_id(0)
    if program < (total // count) * blocks:
        first = (program // blocks) * count
        n = (program % blocks) * BLOCK + tl.arange(0, BLOCK)
        mask = n < count
        key = tl.load(depths + first + n, mask=mask, other=0.0).to(tl.int32, bitcast=True)  # positive floats sort like their bits
        rank = tl.zeros([BLOCK], tl.int32)
        start = 0
        while start < count:
            j = start + tl.arange(0, OTHERS)
            other = tl.load(depths + first + j, mask=j < count, other=float("inf")).to(tl.int32, bitcast=True)
            nearer = other[None, :] < key[:, None] + (j[None, :] < n[:, None]).to(tl.int32)
            rank += tl.sum(nearer.to(tl.int32), 1)
            start += OTHERS
        touches = tl.load(counts + first + n, mask=mask, other=0) > 0
        x0, y0 = tl.load(rects + first + n, mask=mask, other=0), tl.load(rects + total + first + n, mask=mask, other=0)
        x1, y1 = tl.load(rects + 2 * total + first + n, mask=mask, other=0), tl.load(rects + 3 * total + first + n, mask=mask, other=0)
        tl.store(order + first + rank, n, mask=mask)
        tl.store(columns + first + rank, tl.where(touches, x0 | (x1 << 16), 0), mask=mask)
        tl.store(rows + first + rank, tl.where(touches, y0 | (y1 << 16), 0), mask=mask)
    else:
        before, start = tl.load(noted) * 0, 0
        while start < total:
            n = start + tl.arange(0, 1024)
            pairs = tl.load(counts + n, mask=n < total, other=0)
            tl.store(first_slot + n, before.to(tl.int32) + tl.cumsum(pairs, 0) - pairs, mask=n < total)
            before += tl.sum(pairs)
            start += 1024
        tl.store(noted, tl.maximum(tl.load(noted), before))


@triton.jit
def list_kernel(order, columns, rows, first_slot, owners, slots, starts, ends, room, count, tiles_x, tiles, BLOCK: tl.constexpr):
    """Fills what `blend_kernel` reads of one tile, whose list begins at tile * count; pairs whose slots have no room are left out."""
    tile = tl.program_id(0)
    first, inner = (tile // tiles) * count, tile % tiles
    x, y = inner % tiles_x, inner // tiles_x
    begin = tile * count
    found, start = begin, 0
    while start < count:
        r = start + tl.arange(0, BLOCK)
        mask = r < count
        column, row = tl.load(columns + first + r, mask=mask, other=0), tl.load(rows + first + r, mask=mask, other=0)
        x0, x1, y0, y1 = column & 65535, column >> 16, row & 65535, row >> 16
        hit = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
        owner = first + tl.load(order + first + r, mask=hit, other=0)
        slot = tl.load(first_slot + owner, mask=hit, other=0) + (y - y0) * (x1 - x0) + x - x0
        hit = hit & (slot < room)
        place = found + tl.cumsum(hit.to(tl.int32), 0) - 1
        tl.store(owners + place, owner, mask=hit)
        tl.store(slots + place, slot, mask=hit)
        found += tl.sum(hit.to(tl.int32))
        start += BLOCK
    tl.store(starts + tile, begin)
    tl.store(ends + tile, found)
