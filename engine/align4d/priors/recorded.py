"""A prior on a GPU whose network is recorded once for each shape of its input, as a CUDA graph, and replayed.

A small network is hundreds of short kernels: without this the GPU waits for Python to start them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .prior import Condition, MultiviewPrior, RelativeCamera

MOST_RECORDINGS = 6
"""Shapes that are kept; each holds the memory of one run of the network."""

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True)
class Recording:
    """A graph, the tensors that it reads and those that it writes."""

    graph: torch.cuda.CUDAGraph
    inputs: Tensors
    outputs: Tensors


class RecordedCall:
    """A function of tensors on a GPU, without gradients, whose outputs depend on nothing else.

    Args:
        function: must ask the GPU for nothing, and always do the same for the same shapes.
    """

    def __init__(self, function: Callable[..., Tensors]) -> None:
        self.function = function
        self._recordings: dict[tuple[object, ...], Recording] = {}

    @torch.no_grad()
    def __call__(self, *tensors: Tensor) -> Tensors:
        """What the function gives for these tensors."""
        key = tuple((tuple(one.shape), one.dtype) for one in tensors)
        if key not in self._recordings:
            if len(self._recordings) == MOST_RECORDINGS:
                del self._recordings[next(iter(self._recordings))]
            self._recordings[key] = self._record(tensors)
        recording = self._recordings[key]
        for kept, given in zip(recording.inputs, tensors, strict=True):
            kept.copy_(given)
        recording.graph.replay()
        return tuple(one.clone() for one in recording.outputs)

    def _record(self, tensors: Tensors) -> Recording:
        inputs = tuple(one.clone(memory_format=torch.contiguous_format) for one in tensors)
        stream, main = torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(main)
        with torch.cuda.stream(stream):
            for _ in range(2):
                self.function(*inputs)
        main.wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = self.function(*inputs)
        return Recording(graph, inputs, outputs)


class RecordedPrior(MultiviewPrior):
    """`prior`, recorded; its answers are the same.

    Args:
        prior: on a CUDA device; its network is one graph, so it must not be moved between devices while it answers.
    """

    def __init__(self, prior: MultiviewPrior) -> None:
        self.prior, self.facts, self.schedule, self.recordable = prior, prior.facts, prior.schedule, prior.recordable
        self._digest, self._predict = RecordedCall(self._digest_tensors), RecordedCall(self._predict_tensors)

    @property
    def device(self) -> torch.device:
        """See `MultiviewPrior`."""
        return self.prior.device

    def condition(self, pictures: Tensor, elevation: Tensor, distance: Tensor) -> Condition:
        """See `MultiviewPrior`."""
        return Condition(elevation, distance, self._digest(pictures, elevation, distance))

    def null(self, count: int) -> Condition:
        """See `MultiviewPrior`."""
        return self.prior.null(count)

    def encode(self, pictures: Tensor) -> Tensor:
        """See `MultiviewPrior`."""
        return self.prior.encode(pictures)

    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        """See `MultiviewPrior`."""
        where = (condition.elevation, condition.distance, camera.elevation, camera.azimuth, camera.distance)
        return self._predict(noisy, timestep, *where, *condition.features)[0]

    @staticmethod
    def bare(prior: MultiviewPrior) -> MultiviewPrior:
        """The prior itself, of one that may be recorded: for whoever records it as a part of something larger."""
        return prior.prior if isinstance(prior, RecordedPrior) else prior

    def _digest_tensors(self, pictures: Tensor, elevation: Tensor, distance: Tensor) -> Tensors:
        return self.prior.condition(pictures, elevation, distance).features

    def _predict_tensors(self, noisy: Tensor, timestep: Tensor, *rest: Tensor) -> Tensors:
        elevation, distance, up, around, farther, *features = rest
        condition = Condition(elevation, distance, tuple(features))
        return (self.prior.predict_noise(noisy, timestep, condition, RelativeCamera(up, around, farther)),)
