"""Weights in a byte each: a small network takes half the room of half precision, at no loss that can be seen."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_SIZE = 4096
"""Elements from which a tensor is stored in bytes; smaller ones (biases, norms, gains) stay in half precision."""

LEVELS = 127
"""Of an int8 to either side of zero."""

SCALE = ".scale"
"""Ends the name of the scales that belong to a tensor of bytes."""


def compact(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are stored: large matrices and kernels as int8 with one float32 scale per output channel, the rest as float16."""
    stored: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        value = tensor.detach().float().cpu()
        if value.dim() < 2 or value.numel() < LEAST_SIZE:
            stored[name] = value.half().contiguous()
            continue
        scale = value.flatten(1).abs().amax(1) / LEVELS
        # a channel of zeros divides by anything but zero
        steps = value / scale.clamp_min(torch.finfo(torch.float32).tiny).view(-1, *[1] * (value.dim() - 1))
        stored[name], stored[name + SCALE] = steps.round().to(torch.int8).contiguous(), scale
    return stored


def restored(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Float32 weights of `compact`, or of a file that holds them in half or full precision.

    Raises:
        KeyError: where a tensor of bytes has no scales.
    """
    weights: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        if tensor.dtype == torch.int8:
            weights[name] = tensor.float() * stored[name + SCALE].view(-1, *[1] * (tensor.dim() - 1))
        elif name.removesuffix(SCALE) == name or name.removesuffix(SCALE) not in stored:
            weights[name] = tensor.float()
    return weights
