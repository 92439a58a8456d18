"""Where the networks of a generator lie while it works: settled from their sizes and the memory that there is, before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from ..errors import EngineError
from ..model_files.memory_estimate import RESERVE_BYTES, free_host_bytes
from .model_card import ModelNeed

Offload = Literal["none", "by network", "by layer"]


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
class Placement:
    """Attributes:
    offload: "none": all on the device; "by network": each comes while it is used; "by layer": each layer comes.
    frugal: whether the work is done piece by piece.
    need: what it takes of the device [bytes].
    """

    offload: Offload
    frugal: bool
    need: int


def placements(stages: Sequence[Stage], on_cpu: bool) -> list[Placement]:
    """All that are possible, fastest first."""
    total = sum(stage.size for stage in stages)
    if on_cpu:
        return [Placement("none", frugal, total + _most_work(stages, frugal)) for frugal in (False, True)]
    found = [Placement("none", frugal, total + _most_work(stages, frugal) + RESERVE_BYTES) for frugal in (False, True)]
    for frugal in (False, True):
        most = max(stage.size + _work(stage, frugal) for stage in stages)
        found.append(Placement("by network", frugal, most + RESERVE_BYTES))
    # a layer comes while the next one is fetched
    most = max(min(2 * stage.largest, stage.size) + stage.frugal for stage in stages)
    return [*found, Placement("by layer", True, most + RESERVE_BYTES)]


def needs(stages: Sequence[Stage]) -> ModelNeed:
    """What a card says of them."""
    found = placements(stages, on_cpu=False)
    total = sum(stage.size for stage in stages)
    return ModelNeed(device=found[0].need, offloaded=min(one.need for one in found), host=total)


def choose_placement(name: str, stages: Sequence[Stage], place: Place) -> Placement:
    """The fastest one that fits. Raises EngineError, see `first_fitting`."""
    return first_fitting(name, placements(stages, place.device.type == "cpu"), sum(stage.size for stage in stages), place)


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
