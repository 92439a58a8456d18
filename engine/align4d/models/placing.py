"""Where the networks of a generator lie while it works: settled from their sizes and the memory that there is, before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch

from ..errors import EngineError
from .card import ModelNeed
from .memory_estimate import CONTEXT_BYTES, RESERVE_BYTES, free_host_bytes

Offload = Literal["none", "by network", "by layer"]

RESERVED_PER_WORK = 1.8
"""Of a model whose allocations were not counted: what torch reserves for what is alive at once."""

SPARE = 1.15
"""What torch reserves of a GPU to what was counted, with room to spare."""


@dataclass(frozen=True)
class Place:
    """Attributes:
    device: where to compute.
    budget: of the device's memory [bytes]; 0: what is free there.
    """

    device: torch.device
    budget: int = 0

    def free(self) -> int:
        """What may be used of the device [bytes]."""
        if self.device.type == "cuda":
            free = int(torch.cuda.mem_get_info(self.device)[0])
            return min(self.budget, free) if self.budget else free
        return free_host_bytes()

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Meanwhile torch gets no more of the GPU than the budget; it gives back what it keeps in store before it runs out."""
        self.limit()
        try:
            yield
        finally:
            Place(self.device).limit()

    def limit(self) -> None:
        """Lets torch have the budget, or all of the GPU without one."""
        if self.device.type != "cuda":
            return
        total = torch.cuda.get_device_properties(self.device).total_memory
        torch.cuda.empty_cache()
        share = max(self.budget - CONTEXT_BYTES, 0) / total if self.budget else 1.0
        torch.cuda.set_per_process_memory_fraction(min(share, 1.0), self.device)


@dataclass(frozen=True)
class Stage:
    """One network of a generator, at work.

    Attributes:
        name: of its folder.
        size: of its weights as they will lie in memory [bytes].
        largest: of its largest single tensor [bytes].
        work: alive beside the weights while it computes [bytes].
        frugal: the same where the work is done piece by piece (tiles, chunks), which is slower.
    """

    name: str
    size: int
    largest: int
    work: int
    frugal: int


@dataclass(frozen=True)
class ReservedMemory:
    """What torch's allocator holds of a GPU beside the weights when all stages have worked, where it is given the room [bytes].

    That is more than what is alive at once (`Stage.work`): blocks that have become free are kept, and fit what comes next only in part;
    convolutions copy their pictures into another layout.

    Attributes:
        whole: at once.
        frugal: piece by piece.
    """

    whole: int
    frugal: int


@dataclass(frozen=True)
class Placement:
    """Attributes:
    offload: "none": all on the device; "by network": each comes while it is used; "by layer": each layer comes.
    frugal: whether the work is done piece by piece.
    need: what has to be free on the device [bytes].
    room: what it takes there at its peak where there is room: weights, what torch holds, and the context of CUDA [bytes].
    """

    offload: Offload
    frugal: bool
    need: int
    room: int = 0

    def taken(self, free: int) -> int:
        """What the device's tools (nvidia-smi) will show of it at its peak where `free` may be used [bytes]."""
        return max(self.need, min(self.room, free))


def placements(stages: Sequence[Stage], on_cpu: bool, reserved: ReservedMemory | None = None) -> list[Placement]:
    """All that are possible, fastest first. `reserved`: counted for these stages; else it is guessed from their work."""
    total = sum(stage.size for stage in stages)
    if on_cpu:
        return [Placement("none", frugal, total + _most_work(stages, frugal)) for frugal in (False, True)]
    reserved = reserved or ReservedMemory(*(round(RESERVED_PER_WORK * _most_work(stages, frugal)) for frugal in (False, True)))
    largest = max(stage.size for stage in stages)
    found = []
    for frugal in (False, True):
        most = total + _most_work(stages, frugal)
        found.append(_on_gpu("none", frugal, most, total, reserved))
    for frugal in (False, True):
        most = max(stage.size + _work(stage, frugal) for stage in stages)
        found.append(_on_gpu("by network", frugal, most, largest, reserved))
    # a layer comes while the next one is fetched
    layers = [min(2 * stage.largest, stage.size) for stage in stages]
    most = max(layer + stage.frugal for layer, stage in zip(layers, stages, strict=True))
    return [*found, _on_gpu("by layer", True, most, max(layers), reserved)]


def _on_gpu(offload: Offload, frugal: bool, most: int, weights: int, reserved: ReservedMemory) -> Placement:
    """`most`: alive at once; `weights`: of that at most [bytes]."""
    return Placement(offload, frugal, most + RESERVE_BYTES, room(weights, reserved.frugal if frugal else reserved.whole))


def room(weights: int, reserved: int) -> int:
    """What weights and counted work take of a GPU at their peak where there is room [bytes]."""
    return weights + round(SPARE * reserved) + RESERVE_BYTES


def needs(stages: Sequence[Stage], reserved: ReservedMemory | None = None) -> ModelNeed:
    """What a card says of them."""
    found = placements(stages, on_cpu=False, reserved=reserved)
    total = sum(stage.size for stage in stages)
    return ModelNeed(device=found[0].taken(found[0].room), offloaded=min(one.need for one in found), host=total)


def choose_placement(name: str, stages: Sequence[Stage], place: Place, reserved: ReservedMemory | None = None) -> Placement:
    """The fastest one that fits. Raises EngineError, see `first_fitting`."""
    return first_fitting(name, placements(stages, place.device.type == "cpu", reserved), sum(stage.size for stage in stages), place)


def first_fitting(name: str, possible: Sequence[Placement], host: int, place: Place) -> Placement:
    """The first of `possible` that fits.

    Args:
        name: of the model, for messages.
        host: memory of the computer that an offloaded one takes [bytes].

    Raises:
        EngineError: "model_memory" where none does, or where the computer's own memory cannot hold what is offloaded.
    """
    free = place.free()
    fitting = next((one for one in possible if one.need <= free), None)
    if fitting is None:
        least = min(one.need for one in possible)
        where = "memory" if place.device.type == "cpu" else "GPU memory"
        raise _too_large(name, least, free, where)
    if fitting.offload != "none" and host > free_host_bytes():
        raise _too_large(name, host, free_host_bytes(), "memory")
    return fitting


def _work(stage: Stage, frugal: bool) -> int:
    return stage.frugal if frugal else stage.work


def _most_work(stages: Sequence[Stage], frugal: bool) -> int:
    return max(_work(stage, frugal) for stage in stages)


def _too_large(name: str, need: int, free: int, where: str) -> EngineError:
    return EngineError(
        "model_memory",
        f"{name} needs about {need / 1e9:.1f} GB of {where} at the least, and {free / 1e9:.1f} GB may be used.",
        "Close other programs, allow more memory, or choose a smaller model.",
    )
