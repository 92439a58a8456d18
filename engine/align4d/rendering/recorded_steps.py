"""Steps of an optimization on a GPU, recorded once as a CUDA graph and replayed: the GPU then never waits for Python."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from .choose import resolved
from .deferral import Deferral

LEAST_ROOM = 1 << 14
"""(tile, Gaussian) pairs of a rendering for which room is made at least."""

COLLECT_EVERY = 12
"""Recordings after which Python's garbage is collected."""
_captures = itertools.count()

RECORDABLE = "triton"
"""The rasterizer that a graph can hold: gsplat waits for the GPU in every rendering."""

Kind = TypeVar("Kind", bound=Hashable)
"""Of a step: steps of one kind do the same with the same tensors."""


@dataclass(frozen=True)
class Recording:
    """A step as a graph.

    Attributes:
        graph: to be replayed.
        deferral: what its renderings noted.
        room: for how many pairs of a rendering there is room.
    """

    graph: torch.cuda.CUDAGraph
    deferral: Deferral
    room: int


class Dial:
    """A number that is set between steps: as it is on the processor, and in the memory of a GPU, where a recorded step reads it.

    Attributes:
        value: for the step.
    """

    def __init__(self, device: torch.device) -> None:
        self.value: float | Tensor = 0.0 if device.type == "cpu" else torch.zeros((), device=device)

    def set(self, number: float) -> None:
        """For the next steps."""
        if isinstance(self.value, Tensor):
            self.value.fill_(number)
        else:
            self.value = number


class RecordedSteps(Generic[Kind]):
    """Repeats a step, of one kind or of several; each kind is recorded when it first comes.

    A step that is recorded reads and writes the same tensors each time: it changes its parameters, its optimizer's state
    and whatever counts the steps in place, and asks the device for nothing. Off the GPU, or with another rasterizer, the
    same step simply runs.

    Args:
        step: forward, backward and optimizer, of a kind.
        device: on which it computes.
        backend: of the rasterizer, as its settings name it.
        wanted: whether to record at all.
        generator: on the device, from which steps draw; as it is seeded before a step, so it is for the replayed one.
    """

    def __init__(
        self, step: Callable[[Kind], None], device: torch.device, backend: str, wanted: bool = True, generator: torch.Generator | None = None
    ) -> None:
        self.step, self.device, self.generator = step, device, generator
        used = resolved(backend, device)
        self.recordable = wanted and device.type == "cuda" and used == RECORDABLE
        self._rooms: dict[Kind, int] = {}
        self._recordings: dict[Kind, Recording] = {}
        self._pool: Any = None

    def run(self, begin: Callable[[], None], count: int, each: Callable[[], Kind]) -> None:
        """`begin` sets the tensors to where the steps start from; then `count` times `each`, which says the kind, and a step of it.

        Waits for the GPU once, at the end, and runs the steps again where a rendering had more pairs than there was room for.

        Raises:
            EngineError: "not_finite" when a rendering met a value that is no number. What `each` raises.
        """
        if not self.recordable:
            begin()
            for _ in range(count):
                self.step(each())
            return
        while not self._replay(begin, count, each):
            pass

    def _replay(self, begin: Callable[[], None], count: int, each: Callable[[], Kind]) -> bool:
        """Whether all steps were made as they should; where not, they can be next time: what was missing is recorded."""
        begin()
        replayed: set[Kind] = set()
        for _ in range(count):
            kind = each()
            if kind not in self._recordings:
                # this runs the step, so that the tensors are no longer where they were
                self._recordings[kind] = self._record(kind)
                return False
            self._recordings[kind].graph.replay()
            replayed.add(kind)
        return all([self._fits(kind) for kind in replayed])

    def _fits(self, kind: Kind) -> bool:
        """Whether there was room enough in all replays of a kind; where not, there will be in its next recording."""
        recording = self._recordings[kind]
        most = recording.deferral.verify()
        if most <= recording.room:
            return True
        self._rooms[kind] = 2 * most
        del self._recordings[kind]
        return False

    def _record(self, kind: Kind) -> Recording:
        """Runs the step a few times, which compiles what it needs and tells how much room it needs, then records it."""
        stream, main = torch.cuda.Stream(self.device), torch.cuda.current_stream(self.device)
        stream.wait_stream(main)
        with torch.cuda.stream(stream):
            with Deferral(self.device) as counting:
                self.step(kind)
            room = max(self._rooms.get(kind, LEAST_ROOM), 2 * counting.verify())
            with Deferral(self.device, room):
                self.step(kind)
        main.wait_stream(stream)
        if not self._recordings:  # a pool goes with the last graph of it
            self._pool = torch.cuda.graph_pool_handle()
        graph, deferral = torch.cuda.CUDAGraph(), Deferral(self.device, room)
        if self.generator is not None:
            graph.register_generator_state(self.generator)
        with torch.cuda.stream(stream), deferral, _captured(graph, self._pool):
            self.step(kind)
        main.wait_stream(stream)
        return Recording(graph, deferral, room)


@contextmanager
def _captured(graph: torch.cuda.CUDAGraph, pool: Any) -> Iterator[None]:
    """Captures what the current stream, which is not the default one, is asked for.

    As `torch.cuda.graph`, which collects all of Python's garbage each time, and so takes as long as hundreds of steps: earlier recordings,
    whose memory it holds, are among it. Here that is done now and then, and never within a capture.
    """
    if next(_captures) % COLLECT_EVERY == 0:
        gc.collect()
    torch.cuda.synchronize()
    collecting = gc.isenabled()
    gc.disable()
    try:
        # thread_local: what other threads ask of the GPU meanwhile does no harm
        graph.capture_begin(pool=pool, capture_error_mode="thread_local")
        yield
        graph.capture_end()
    finally:
        if collecting:
            gc.enable()
