"""Torch's allocator of GPU memory, played through on a machine without a GPU: what is alive at once, and what is held.

The rules are those of torch's caching allocator (documented under "CUDA semantics, memory management"; constants of c10/cuda):
sizes are rounded, small blocks live in segments of their own, a free block is split, neighbours that are free are joined, and a segment
is not given back while there is room. Networks run on torch's "meta" device: shapes only, no numbers.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

GRAIN, SMALL, SMALL_SEGMENT = 512, 1 << 20, 2 << 20
"""Sizes are multiples of the first; up to the second a block is small, and lies in segments of the third size [bytes]."""

MIDDLE, MIDDLE_SEGMENT, LARGE_GRAIN = 10 << 20, 20 << 20, 2 << 20
"""Below the first, a block that is not small lies in a segment of the second size; from there on in one of its own, a multiple of the third."""


@dataclass(frozen=True)
class Block:
    """A piece of a segment.

    Attributes:
        segment: number of the segment; start: its place there [bytes]; size: [bytes].
    """

    segment: int
    start: int
    size: int
    small: bool


class Allocator:
    """Attributes:
    alive, most_alive: in use, and at most [bytes].
    held: taken from the GPU; it never becomes less [bytes].
    """

    def __init__(self) -> None:
        self.alive = self.most_alive = self.held = 0
        self._free: list[Block] = []
        self._segments = 0

    def take(self, size: int) -> Block:
        """A block of at least `size` bytes: the smallest free one that is large enough, else one of a new segment."""
        wanted = max(1, -(-size // GRAIN)) * GRAIN
        small = wanted <= SMALL
        fitting = [one for one in self._free if one.small == small and one.size >= wanted]
        block = min(fitting, key=lambda one: one.size, default=None)
        if block is None:
            block = self._segment(wanted, small)
        else:
            self._free.remove(block)
        rest = block.size - wanted
        if rest >= GRAIN if small else rest > SMALL:
            self._free.append(Block(block.segment, block.start + wanted, rest, small))
            block = Block(block.segment, block.start, wanted, small)
        self.alive += block.size
        self.most_alive = max(self.most_alive, self.alive)
        return block

    def give(self, block: Block) -> None:
        """Frees a block, and joins it with free neighbours."""
        self.alive -= block.size
        start, end = block.start, block.start + block.size
        for one in [one for one in self._free if one.segment == block.segment]:
            if one.start + one.size == start:
                start = one.start
            elif one.start == end:
                end = one.start + one.size
            else:
                continue
            self._free.remove(one)
        self._free.append(Block(block.segment, start, end - start, block.small))

    def _segment(self, wanted: int, small: bool) -> Block:
        large = MIDDLE_SEGMENT if wanted < MIDDLE else -(-wanted // LARGE_GRAIN) * LARGE_GRAIN
        size = SMALL_SEGMENT if small else large
        self._segments += 1
        self.held += size
        return Block(self._segments, 0, size, small)


class Played(TorchDispatchMode):
    """While it is active, all that operations make is taken from `allocator`, and given back when nobody holds it any more.

    `kept`: weights, which are counted elsewhere. Convolutions take a copy of their input and their output in the layout that tensor
    cores want, as cuDNN does.
    """

    def __init__(self, allocator: Allocator, kept: Iterable[Tensor]) -> None:
        super().__init__()
        self.allocator = allocator
        self._weights = [one.untyped_storage() for one in kept]
        self._known = {id(one) for one in self._weights}

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        made = function(*arguments, **(options or {}))
        if function is torch.ops.aten.convolution.default:
            copies = sum(one.untyped_storage().nbytes() for one in (arguments[0], made))
            self.allocator.give(self.allocator.take(copies))
        for one in tree_leaves(made):
            if isinstance(one, Tensor):
                self._note(one.untyped_storage())
        return made

    def _note(self, storage: torch.UntypedStorage) -> None:
        name = id(storage)
        if name in self._known or not storage.nbytes():
            return
        self._known.add(name)
        weakref.finalize(storage, self._gone, name, self.allocator.take(storage.nbytes()))

    def _gone(self, name: int, block: Block) -> None:
        self._known.discard(name)
        self.allocator.give(block)


@contextmanager
def fused_attention() -> Iterator[None]:
    """Attention that keeps nothing but its result, as it runs on a GPU; shapes only."""
    before = torch.nn.functional.scaled_dot_product_attention
    torch.nn.functional.scaled_dot_product_attention = lambda queries, *_, **__: torch.empty_like(queries)
    try:
        yield
    finally:
        torch.nn.functional.scaled_dot_product_attention = before


@torch.no_grad()
def play(allocator: Allocator, network: torch.nn.Module, work: Callable[[], object]) -> int:
    """Runs `work` of a network on the meta device; what was alive at most beside its weights [bytes]."""
    allocator.most_alive = allocator.alive
    with fused_attention(), Played(allocator, [*network.parameters(), *network.buffers()]):
        work()
    return allocator.most_alive
