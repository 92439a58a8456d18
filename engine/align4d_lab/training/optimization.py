"""Optimizers, gradients in one piece, and the moving average of the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MATRICES = ("qkv", "out", "widen", "narrow", "from_deep", "join", "from_middle")
"""Layers whose weights Muon optimizes; everything else is AdamW's."""


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
