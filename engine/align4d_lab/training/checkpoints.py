"""The whole state of a training as one safetensors file, so that a run that was broken off goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save
from torch import Tensor, nn

from align4d.protocol import replacing

from .optimization import MovingAverage
from .optimizer_state import optimizer_arrays, restore_optimizer


def save_checkpoint(
    path: Path, network: nn.Module, average: MovingAverage, optimizers: dict[str, torch.optim.Optimizer], facts: dict[str, float]
) -> None:
    """Weights, their average, both optimizers' states, and `facts` (step, objects)."""
    arrays = _arrays("network", network.state_dict()) | _arrays("average", average.weights)
    for name, optimizer in optimizers.items():
        arrays |= optimizer_arrays(optimizer, name)
    with replacing(path) as file:
        file.write(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, {"facts": json.dumps(facts)}))


def load_checkpoint(path: Path, network: nn.Module, average: MovingAverage, optimizers: dict[str, torch.optim.Optimizer]) -> dict[str, float]:
    """Restores what `save_checkpoint` wrote, in place; returns its facts."""
    with safe_open(path, "np") as file:
        facts = json.loads(file.metadata()["facts"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
    network.load_state_dict({name: torch.from_numpy(arrays[f"network.{name}"]) for name in network.state_dict()})
    for name, tensor in average.weights.items():
        tensor.copy_(torch.from_numpy(arrays[f"average.{name}"]))
    for name, optimizer in optimizers.items():
        restore_optimizer(optimizer, name, arrays)
    return facts


def _arrays(prefix: str, tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    return {f"{prefix}.{name}": tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
