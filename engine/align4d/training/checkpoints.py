"""The whole state of a training as one safetensors file, so that a run that was broken off goes on."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..protocol import replacing
from .optimisation import MovingAverage


def save_checkpoint(
    path: Path, network: nn.Module, average: MovingAverage, optimisers: dict[str, torch.optim.Optimizer], facts: dict[str, float]
) -> None:
    """Weights, their average, both optimisers' states, and `facts` (step, objects)."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.weights.items()}
    for name, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{key}": value for key, value in state.items()}
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as file:
        file.write(save(plain, {"facts": json.dumps(facts)}))


def load_checkpoint(
    path: Path, network: nn.Module, average: MovingAverage, optimisers: dict[str, torch.optim.Optimizer]
) -> dict[str, float]:
    """Restores what `save_checkpoint` wrote, in place; returns its facts."""
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
    network.load_state_dict(_below(tensors, "network"))
    for name, tensor in _below(tensors, "average").items():
        average.weights[name].copy_(tensor)
    for name, optimiser in optimisers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in _below(tensors, name).items():
            index, _, entry = key.partition(".")
            state.setdefault(int(index), {})[entry] = tensor
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return facts


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(prefix + ".")}
