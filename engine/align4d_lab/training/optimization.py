"""How the weights of a training follow: optimizers, gradients in one piece, and the moving average of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

MATRICES = ("qkv", "out", "widen", "narrow", "from_deep", "join", "from_middle")
"""Layers whose weights Muon optimizes; everything else is AdamW's."""


@dataclass(frozen=True)
class WeightSettings:
    """What every recipe has.

    Attributes:
        rate: learning rate of both optimizers.
        warm_up: steps until the rate is reached.
        decay: last part of the run over which the rate falls to 0.
        weight_decay: of both optimizers.
        average: decay per step of the moving average that becomes the weights.
        clip: largest norm of the gradient.
    """

    rate: float
    warm_up: int
    decay: float
    weight_decay: float
    average: float
    clip: float

    def rate_at(self, step: int, done: float) -> float:
        """Learning rate at `step`, when a part `done` in [0, 1] of the run is over."""
        warm = min(1.0, (step + 1) / self.warm_up)
        return self.rate * warm * min(1.0, max(0.0, 1 - done) / self.decay)


class FlatGradients:
    """All gradients as views of one buffer: one collective, one norm and one fill a step."""

    def __init__(self, network: nn.Module) -> None:
        parameters = [one for one in network.parameters() if one.requires_grad]
        self.buffer = torch.zeros(sum(one.numel() for one in parameters), device=parameters[0].device)
        place = 0
        for parameter in parameters:
            # strides as the parameter's own, so that gradients are added in place
            parameter.grad = torch.as_strided(self.buffer, parameter.shape, parameter.stride(), place)
            place += parameter.numel()

    def average_and_clip(self, ranks: int, clip: float) -> Tensor:
        """Mean over all ranks, then no longer than `clip`; returns the norm before."""
        if ranks > 1:
            torch.distributed.all_reduce(self.buffer, torch.distributed.ReduceOp.SUM)
            self.buffer /= ranks
        norm = self.buffer.norm()
        self.buffer *= (clip / (norm + 1e-6)).clamp(max=1.0)
        return norm

    def clear(self) -> None:
        """Zero, in place."""
        self.buffer.zero_()


def make_optimizers(network: nn.Module, rate: float, weight_decay: float) -> dict[str, torch.optim.Optimizer]:
    """Muon (Jordan et al., 2024) for the matrices of attention and feed-forward layers, AdamW for the rest."""
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        is_matrix = parameter.ndim == 2 and name.endswith(".weight") and name.split(".")[-2] in MATRICES
        (matrices if is_matrix else rest).append(parameter)
    fused = rest[0].is_cuda
    return {
        "muon": torch.optim.Muon(matrices, lr=rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
        "adam": torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=weight_decay, fused=fused),
    }


class MovingAverage:
    """Exponential moving average of a network's weights."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """After `step` (0-based); early averages are short."""
        decay = min(self.decay, (1 + step) / (10 + step))
        now = network.state_dict()
        torch._foreach_lerp_(list(self.weights.values()), [now[name] for name in self.weights], 1 - decay)

    def swap(self, network: nn.Module) -> None:
        """Exchanges the network's weights and the average's; twice is nothing."""
        for name, tensor in network.state_dict().items():
            kept = tensor.clone()
            tensor.copy_(self.weights[name])
            self.weights[name].copy_(kept)


class Weights:
    """A network's weights and all that moves them, on one of several ranks that see other batches each.

    Attributes:
        optimizers: by name.
        average: what becomes the weights.
    """

    def __init__(self, network: nn.Module, settings: WeightSettings, ranks: int) -> None:
        self.network, self.settings, self.ranks = network, settings, ranks
        self.average = MovingAverage(network, settings.average)
        self.optimizers = make_optimizers(network, settings.rate, settings.weight_decay)
        self._gradients = FlatGradients(network)

    def follow(self, rate: float, step: int) -> None:
        """Moves the weights by the gradients of all ranks, and clears these.

        Args:
            rate: learning rate.
            step: steps done before.
        """
        self._gradients.average_and_clip(self.ranks, self.settings.clip)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self._gradients.clear()
        self.average.update(self.network, step)

    def swap(self) -> None:
        """Exchanges the network's weights and their average; twice is nothing."""
        self.average.swap(self.network)
