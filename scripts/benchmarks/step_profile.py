"""Where the time of a step goes: rasteriser, field, prior, and the rest, on the processor and on the GPU."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch._C._autograd import DeviceType
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from align4d.alignment import optimisation
from align4d.priors.prior import Condition, MultiviewPrior, RelativeCamera
from align4d.rendering import rasterize

PARTS = ("rasteriser", "field", "prior")
REST = "rest"
UNKNOWN = "not attributed"
MARK = "part: "
BACKWARD = "autograd::engine::evaluate_function: "


class MarkedPrior(MultiviewPrior):
    """A prior whose work shows in a profile."""

    def __init__(self, prior: MultiviewPrior) -> None:
        self.prior, self.facts, self.schedule = prior, prior.facts, prior.schedule

    @property
    def device(self) -> torch.device:
        """See `MultiviewPrior`."""
        return self.prior.device

    def condition(self, pictures: Tensor, elevation: Tensor, distance: Tensor) -> Condition:
        """See `MultiviewPrior`."""
        with record_function(MARK + "prior"):
            return self.prior.condition(pictures, elevation, distance)

    def null(self, count: int) -> Condition:
        """See `MultiviewPrior`."""
        with record_function(MARK + "prior"):
            return self.prior.null(count)

    def encode(self, pictures: Tensor) -> Tensor:
        """See `MultiviewPrior`."""
        with record_function(MARK + "prior"):
            return self.prior.encode(pictures)

    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        """See `MultiviewPrior`."""
        with record_function(MARK + "prior"):
            return self.prior.predict_noise(noisy, timestep, condition, camera)


@contextlib.contextmanager
def marked(run: optimisation.Optimisation) -> Iterator[None]:
    """Within it the rasteriser's and the field's work shows in a profile; the prior has to be a `MarkedPrior`."""

    def draw(*arguments: Any, **named: Any) -> Any:
        with record_function(MARK + "rasteriser"):
            return rasterize(*arguments, **named)

    def deform(*arguments: Any) -> Any:
        with record_function(MARK + "field"):
            return forward(*arguments)

    forward = run.field.forward
    with mock.patch.object(optimisation, "rasterize", draw), mock.patch.object(run.field, "forward", deform):
        yield


def profiled(step: Callable[[], None], steps: int, device: str, trace: Path | None) -> dict[str, dict[str, float]]:
    """Milliseconds of a step by part: {"cpu": {part: ms}, "cuda": {part: ms}}; the profiler itself slows the processor down.

    A gradient belongs to the part whose operation made it necessary: torch numbers both alike.
    """
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    with profile(activities=activities) as profiler:
        for _ in range(steps):
            with record_function(MARK + REST):
                step()
        if device == "cuda":
            torch.cuda.synchronize()
    if trace is not None:
        profiler.export_chrome_trace(str(trace))
    events = profiler.events()
    parts = attribute([event for event in events if event.device_type == DeviceType.CPU], steps)
    kernels = sum(event.time_range.elapsed_us() for event in events if event.device_type == DeviceType.CUDA and not event.name.startswith(MARK))
    parts["cuda"][UNKNOWN] = kernels / 1e3 / steps - sum(parts["cuda"].values())
    parts["cpu"][UNKNOWN] = 0.0
    return parts


def attribute(events: list[FunctionEvent], steps: int) -> dict[str, dict[str, float]]:
    """See `profiled`."""
    owners = _owners_of_gradients(events)
    cpu: dict[str, float] = defaultdict(float)
    cuda: dict[str, float] = defaultdict(float)
    for event in events:
        part = _part(event, owners)
        if part is None:
            continue
        cuda[part] += sum(kernel.duration for kernel in event.kernels) / 1e3 / steps
        if event.name.startswith(MARK) or event.name.startswith(BACKWARD):
            cpu[part] += event.time_range.elapsed_us() / 1e3 / steps
    # the steps' own range holds everything
    cpu[REST] -= sum(cpu[part] for part in PARTS) + sum(_backward_of_rest(events, owners)) / 1e3 / steps
    return {"cpu": {part: cpu[part] for part in (*PARTS, REST)}, "cuda": {part: cuda[part] for part in (*PARTS, REST)}}


def _backward_of_rest(events: list[FunctionEvent], owners: dict[int, str]) -> Iterator[float]:
    """Microseconds of gradients that belong to no part: they were counted twice."""
    return (event.time_range.elapsed_us() for event in events if event.name.startswith(BACKWARD) and _part(event, owners) == REST)


def _owners_of_gradients(events: list[FunctionEvent]) -> dict[int, str]:
    """The part of each sequence number; the last operation that bears a number is the one that made the gradient necessary."""
    owners: dict[int, str] = {}
    for event in sorted(events, key=lambda event: event.time_range.start):
        if event.sequence_nr >= 0 and _marked_ancestor(event) is not None:
            owners[event.sequence_nr] = _marked_ancestor(event) or REST
    return owners


def _marked_ancestor(event: FunctionEvent) -> str | None:
    one: FunctionEvent | None = event
    while one is not None:
        if one.name.startswith(BACKWARD):
            return None
        if one.name.startswith(MARK):
            return str(one.name)[len(MARK) :]
        one = one.cpu_parent
    return None


def _part(event: FunctionEvent, owners: dict[int, str]) -> str | None:
    """To which part an event on the processor belongs; None outside of all steps."""
    one: FunctionEvent | None = event
    while one is not None:
        if one.name.startswith(BACKWARD):
            return owners.get(one.sequence_nr, REST)
        if one.name.startswith(MARK):
            return str(one.name)[len(MARK) :]
        one = one.cpu_parent
    return None
