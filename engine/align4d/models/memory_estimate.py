"""How much memory a model will take, told from its files before it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

from ..errors import EngineError

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

ENCODE_BYTES = 800_000_000
"""Kept per picture of 256² for the gradient through Stable Diffusion's encoder in float32, counted on its real architecture."""

DENOISE_BYTES = 100_000_000
"""Alive at once per picture of 256² in the U-Net counted on Zero123's real architecture, with room for convolutions' workspaces."""

CONTEXT_BYTES = 600_000_000
"""What CUDA takes in a process before anything is computed: kernels, libraries' handles."""

RESERVE_BYTES = 700_000_000
"""The same, with what matrix products need as work space beside."""


@dataclass(frozen=True)
class Part:
    """A component's weights as they will lie in memory.

    Attributes:
        size: [bytes].
        stays: on the device even where others are offloaded.
    """

    size: int
    stays: bool = False


@dataclass(frozen=True)
class MemoryNeed:
    """What a prior takes [bytes]: `device` where it computes, `host` in the computer's memory; the same memory where that is the CPU."""

    device: int
    host: int


def estimate(parts: list[Part], encoded: int, denoised: int, offload: bool, on_cpu: bool, while_loading: int = 0) -> MemoryNeed:
    """The memory of a model.

    Args:
        parts: its components.
        encoded: pictures that are encoded at once, with what their gradient needs.
        denoised: pictures that go through the U-Net at once.
        offload: whether components come to the device only while they are used.
        on_cpu: whether the device is the CPU.
        while_loading: of the host's memory, for what is let go before the rest is loaded [bytes].
    """
    total = sum(part.size for part in parts)
    work = encoded * ENCODE_BYTES + denoised * DENOISE_BYTES
    if on_cpu:
        return MemoryNeed(max(total + work, while_loading), max(total + work, while_loading))
    if offload:
        passing = [part.size for part in parts if not part.stays]
        staying = sum(part.size for part in parts if part.stays)
        return MemoryNeed(staying + max(passing, default=0) + work + RESERVE_BYTES, max(sum(passing), while_loading))
    # each component passes through the host's memory on its way to the device
    return MemoryNeed(total + work + RESERVE_BYTES, max(while_loading, *(part.size for part in parts)))


def check(name: str, need: MemoryNeed, device: torch.device, offload: bool) -> None:
    """Raises EngineError "model_memory" where less than `need` is free."""
    advice = "Close other programs, judge fewer pictures at once, or use the embedded prior."
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        if need.device > free:
            raise _too_large(name, need.device, free, "GPU memory", advice if offload else f"Turn offloading to the CPU on. {advice}")
    free = free_host_bytes()
    if need.host > free:
        raise _too_large(name, need.host, free, "memory", advice)


def free_host_bytes() -> int:
    """Memory of the computer that programs can still get."""
    import psutil

    return int(psutil.virtual_memory().available)


@contextmanager
def out_of_memory_as_sentence(name: str = "the multiview prior") -> Iterator[None]:
    """Turns torch's OutOfMemoryError into the EngineError "out_of_memory". `name`: of the model."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise EngineError(
            "out_of_memory",
            f"The GPU's memory was not enough for {name}.",
            "Close other programs, allow less memory so that more is offloaded, or use a smaller model or what is built in.",
        ) from error


def guards_memory(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Decorator: see `out_of_memory_as_sentence`."""

    @wraps(function)
    def guarded(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        with out_of_memory_as_sentence():
            return function(*arguments, **options)

    return guarded


def _too_large(name: str, need: int, free: int, where: str, advice: str) -> EngineError:
    return EngineError("model_memory", f"{name} needs about {need / 1e9:.1f} GB of {where}, and {free / 1e9:.1f} GB are free.", advice)
