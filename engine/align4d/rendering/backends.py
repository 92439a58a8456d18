"""The backends by name; one is imported when it is first used."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..errors import EngineError
from ..kernels.gpu import trust
from .types import Cameras

Draw = Callable[[dict[str, Tensor], Cameras, tuple[int, int], Tensor, float], tuple[Tensor, Tensor]]
"""(tensors with a leading set dimension, cameras, (H, W), background, low_pass) -> color (C, 3, H, W), alpha (C, 1, H, W)."""

NAMES = ("reference", "cpu", "triton", "gsplat")


def load(name: str) -> Draw:
    """The rasterizer of that name.

    Raises:
        EngineError: "rendering_backend" for a name that does not exist.
        ImportError: what the backend needs is not installed.
    """
    if name == "reference":
        from .reference import rasterize_reference

        return rasterize_reference
    if name == "cpu":
        from .cpu import rasterize_cpu

        return rasterize_cpu
    if name == "triton":
        from .cuda import rasterize_triton

        trust()
        return rasterize_triton
    if name == "gsplat":
        from .gsplat_backend import rasterize_gsplat

        return rasterize_gsplat
    raise EngineError("rendering_backend", f"There is no rendering backend {name!r}.", f"Choose one of: auto, {', '.join(NAMES)}.")
