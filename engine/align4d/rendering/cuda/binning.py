"""Which Gaussians touch which tile, nearest first, on the GPU: torch's radix sort twice, and one Triton kernel.

First all Gaussians are sorted by camera and depth; then each writes one pair for each tile that it touches, in that
order; then the pairs are sorted by tile, stably. A pair's place before the second sort is its gradient slot: the slots
of one Gaussian lie next to each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..deferral import current
from .launch import launch


@dataclass(frozen=True)
class Bins:
    """P pairs of (tile, Gaussian), sorted by tile, nearest first.

    Attributes:
        owners: (P,) int32, the Gaussian c * N + n of each pair.
        slots: (P,) int64, the gradient slot of each pair.
        ranges: (C * tiles + 1,) int64, where each tile's pairs start.
        first_slot: (C * N,) int32, where each Gaussian's slots start.
    """

    owners: Tensor
    slots: Tensor
    ranges: Tensor
    first_slot: Tensor


@triton.jit
def _emit_kernel(order, ends, counts, rects, keys, owners, first_slot, room, total, count, tiles_x, tiles, lowest, BLOCK: tl.constexpr):
    """Write each Gaussian's pairs; `counts` is cut down to those for which there is room."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < total
    g = tl.load(order + i, mask=mask, other=0)
    pairs = tl.where(mask, tl.load(counts + g, mask=mask, other=0), 0)
    start = tl.load(ends + i, mask=mask, other=0) - pairs
    pairs = tl.minimum(pairs, tl.maximum(room - start, 0)).to(tl.int32)
    tl.store(counts + g, pairs, mask=mask)
    tl.store(first_slot + g, start.to(tl.int32), mask=mask)
    x0 = tl.load(rects + g, mask=mask, other=0)
    y0 = tl.load(rects + total + g, mask=mask, other=0)
    across = tl.maximum(tl.load(rects + 2 * total + g, mask=mask, other=1) - x0, 1)
    first_tile = (g // count).to(tl.int32) * tiles + y0 * tiles_x + x0 + lowest
    most = tl.max(pairs)
    t = 0
    while t < most:
        here = t < pairs
        tile = first_tile + (t // across) * tiles_x + t % across
        tl.store(keys + start + t, tile.to(keys.dtype.element_ty), mask=here)
        tl.store(owners + start + t, g.to(tl.int32), mask=here)
        t += 1


def _room_for(pairs: Tensor) -> tuple[int, bool]:
    """For how many pairs to make room, and whether that was fixed beforehand."""
    deferral = current()
    if deferral is None:
        return int(pairs), False
    deferral.note_pairs(pairs)
    return (int(pairs), False) if deferral.room is None else (deferral.room, True)


def bin_gaussians(depths: Tensor, rects: Tensor, counts: Tensor, cameras: int, tiles_x: int, tiles: int) -> Bins:
    """Sort C * N projected Gaussians into C * tiles tiles.

    Waits once for the GPU: the number of pairs decides how much memory is needed. Within a `Deferral` that has room for a
    number of pairs nothing waits: the room is filled up with pairs of a tile past the last one. `counts` is changed where
    there was not enough.
    """
    total = depths.numel()
    count = total // cameras
    bits = depths.view(torch.int32).long()  # positive floats sort like their bits
    camera = torch.arange(cameras, device=depths.device)[:, None].expand(-1, count).flatten()
    order = torch.sort((camera << 32) | bits, stable=True).indices
    ends = torch.cumsum(counts[order], 0)
    room, bounded = _room_for(ends[-1])
    # 16 bits sort in half the time; counting from the lowest number makes room for 65536 tiles.
    key_type, lowest = (torch.int16, -(1 << 15)) if cameras * tiles + bounded <= 1 << 16 else (torch.int32, 0)
    keys = torch.empty(room, dtype=key_type, device=depths.device)
    if bounded:
        keys.fill_(lowest + cameras * tiles)
    owners = torch.empty(room, dtype=torch.int32, device=depths.device)
    first_slot = torch.empty(total, dtype=torch.int32, device=depths.device)
    block = 128
    launch(
        _emit_kernel, triton.cdiv(total, block), depths.device,
        order, ends, counts, rects, keys, owners, first_slot, room, total, count, tiles_x, tiles, lowest, BLOCK=block,
    )  # fmt: skip
    keys, slots = torch.sort(keys, stable=True)
    edges = torch.arange(lowest, lowest + cameras * tiles, device=depths.device).to(key_type)
    starts = torch.searchsorted(keys, edges)
    return Bins(owners[slots], slots, torch.cat([starts, ends[-1:].clamp(max=room)]), first_slot)
