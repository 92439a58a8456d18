"""Whether kernels that Triton makes work on this machine: `rendering.choose` tries that, and rooms below it have to know."""

from __future__ import annotations

import torch

_tried: set[str] = set()


def trust() -> None:
    """They work."""
    _tried.add("cuda")


def by_triton(like: torch.Tensor) -> bool:
    """Whether they are for such tensors."""
    return like.device.type in _tried and like.dtype == torch.float32
