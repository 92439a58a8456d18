"""Which Gaussians touch which tile, nearest first, on the GPU.

Of few Gaussians each tile makes its list, see `listing`. Of many, all are sorted by camera and depth; then each writes one pair for each
tile that it touches, in that order; then the pairs are sorted by tile, stably. The gradient slots of one Gaussian lie next to each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from ...kernels.launch import launch
from ..deferral import current
from .listing import list_kernel, rank_kernel

MOST_COMPARED = 1 << 29
"""Pairs of Gaussians of which one is nearer, up to which all are compared."""
MOST_LISTED = 1 << 24
"""Entries of the lists of all tiles, each of which has room for every Gaussian."""
RANKED = 16
"""Gaussians whose places in the order of depth one program finds."""


@dataclass(frozen=True)
class Bins:
    """Pairs of (tile, Gaussian), those of a tile next to each other, nearest first. All int32.

    Attributes:
        owners: the Gaussian c * N + n of each pair.
        slots: the gradient slot of each pair.
        starts, ends: (C * tiles,), where each tile's pairs start and end.
        first_slot: (C * N,), where each Gaussian's slots start.
        room: how many slots there are.
    """

    owners: Tensor
    slots: Tensor
    starts: Tensor
    ends: Tensor
    first_slot: Tensor
    room: int


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
    number of pairs nothing waits, and pairs for which there is none are left out. `counts` may be changed then.
    """
    few = is_listed(cameras, depths.numel() // cameras, tiles)
    return (_listed if few else _sorted)(depths, rects, counts, cameras, tiles_x, tiles)


def is_listed(cameras: int, count: int, tiles: int) -> bool:
    """Whether Gaussians are so few that each tile makes its list."""
    return cameras * count * count <= MOST_COMPARED and cameras * tiles * count <= MOST_LISTED


class Lists:
    """Room for what `listing` makes of C * N Gaussians and C * tiles tiles."""

    def __init__(self, cameras: int, count: int, tiles_x: int, tiles: int, device: torch.device) -> None:
        self.cameras, self.count, self.tiles_x, self.tiles, self.device = cameras, count, tiles_x, tiles, device
        self.order, self.columns, self.rows, self.first_slot = (self._empty(cameras * count) for _ in range(4))
        self.owners, self.slots = (self._empty(cameras * tiles * count) for _ in range(2))
        self.starts, self.ends = (self._empty(cameras * tiles) for _ in range(2))

    def _empty(self, size: int) -> Tensor:
        return torch.empty(size, dtype=torch.int32, device=self.device)

    def rank(self, depths: Tensor, counts: Tensor, rects: Tensor, noted: Tensor) -> None:
        """Orders them, and raises `noted`, an int64 scalar, to the number of their pairs."""
        blocks = triton.cdiv(self.count, RANKED)
        launch(
            rank_kernel, self.cameras * blocks + 1, self.device,
            depths, counts, rects, self.order, self.columns, self.rows, self.first_slot, noted,
            self.cameras * self.count, self.count, blocks, BLOCK=RANKED, OTHERS=512,
        )  # fmt: skip

    def fill(self, room: int) -> Bins:
        """The tiles' lists."""
        launch(
            list_kernel, self.cameras * self.tiles, self.device,
            self.order, self.columns, self.rows, self.first_slot, self.owners, self.slots, self.starts, self.ends,
            room, self.count, self.tiles_x, self.tiles, BLOCK=512,
        )  # fmt: skip
        return Bins(self.owners, self.slots, self.starts, self.ends, self.first_slot, room)


def _listed(depths: Tensor, rects: Tensor, counts: Tensor, cameras: int, tiles_x: int, tiles: int) -> Bins:
    lists = Lists(cameras, depths.numel() // cameras, tiles_x, tiles, depths.device)
    pairs = torch.zeros((), dtype=torch.int64, device=depths.device)
    lists.rank(depths, counts, rects, pairs)
    return lists.fill(_room_for(pairs)[0])


def _sorted(depths: Tensor, rects: Tensor, counts: Tensor, cameras: int, tiles_x: int, tiles: int) -> Bins:
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
    starts = torch.cat([starts, ends[-1:].clamp(max=room)]).int()
    return Bins(owners[slots], slots.int(), starts[:-1], starts[1:], first_slot, room)


def compile_sorting(device: torch.device) -> None:
    """Sorts two Gaussians, so that machine code for many lies on the disk."""
    depths, rects = torch.ones(2, device=device), torch.zeros(4, 2, dtype=torch.int32, device=device)
    _sorted(depths, rects + 1, torch.ones(2, dtype=torch.int32, device=device), 1, 4, 16)
