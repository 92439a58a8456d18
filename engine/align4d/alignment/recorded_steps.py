"""Steps of an optimization on a GPU, recorded once as a CUDA graph and replayed: the GPU then never waits for Python."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..rendering import choose
from ..rendering.deferral import Deferral

LEAST_ROOM = 1 << 14
"""(tile, Gaussian) pairs of a rendering for which room is made at least."""

RECORDABLE = "triton"
"""The rasterizer that a graph can hold: gsplat waits for the GPU in every rendering."""


class RecordedSteps:
    """Repeats a step.

    A step that is recorded reads and writes the same tensors each time: it changes its parameters, its optimizer's state
    and whatever counts the steps in place, and asks the device for nothing. Off the GPU, or with another rasterizer, the
    same step simply runs.

    Args:
        step: forward, backward and optimizer.
        device: on which it computes.
        backend: of the rasterizer, as its settings name it.
        wanted: whether to record at all.
    """

    def __init__(self, step: Callable[[], None], device: torch.device, backend: str, wanted: bool = True) -> None:
        self.step, self.device = step, device
        used = choose(device).backend if backend == "auto" else backend
        self.recordable = wanted and device.type == "cuda" and used == RECORDABLE
        self._room = LEAST_ROOM
        self._recording: tuple[torch.cuda.CUDAGraph, Deferral] | None = None

    def run(self, begin: Callable[[], None], count: int, each: Callable[[], None]) -> None:
        """`begin` sets the tensors to where the steps start from; then `count` times `each` and a step.

        Waits for the GPU once, at the end, and runs the steps again where a rendering had more pairs than there was room for.

        Raises:
            EngineError: "not_finite" when a rendering met a value that is no number. What `each` raises.
        """
        if not self.recordable:
            begin()
            for _ in range(count):
                each()
                self.step()
            return
        while not self._replay(begin, count, each):
            self._recording = None

    def _replay(self, begin: Callable[[], None], count: int, each: Callable[[], None]) -> bool:
        """Whether there was room enough; where not, there will be in the next recording."""
        if self._recording is None:
            begin()
            self._recording = self._record()
        graph, deferral = self._recording
        begin()
        for _ in range(count):
            each()
            graph.replay()
        most = deferral.verify()
        fits = most <= self._room
        if not fits:
            self._room = 2 * most
        return fits

    def _record(self) -> tuple[torch.cuda.CUDAGraph, Deferral]:
        """Runs the step a few times, which compiles what it needs and tells how much room it needs, then records it."""
        stream, main = torch.cuda.Stream(self.device), torch.cuda.current_stream(self.device)
        stream.wait_stream(main)
        with torch.cuda.stream(stream):
            with Deferral(self.device) as counting:
                self.step()
            self._room = max(self._room, 2 * counting.verify())
            with Deferral(self.device, self._room):
                self.step()
        main.wait_stream(stream)
        graph, deferral = torch.cuda.CUDAGraph(), Deferral(self.device, self._room)
        # thread_local: what other threads ask of the GPU meanwhile does no harm
        with torch.cuda.graph(graph, capture_error_mode="thread_local"), deferral:
            self.step()
        return graph, deferral
