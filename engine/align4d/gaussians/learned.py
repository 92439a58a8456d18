"""Gaussians whose attributes are learned: activation, learning rates, and steps of Adam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..motion.hexplane import Offsets
from ..protocol.ply import HARMONIC
from ..rendering import Gaussians
from .densification import densified
from .optimizer_state import optimizer_arrays, restore_optimizer

APPEARANCE = ("color", "logit")
GEOMETRY = ("center", "log_scale", "rotation")


@dataclass(frozen=True)
class AttributeRates:
    """Learning rates of Adam [D].

    Attributes:
        center, last_center: of the means at first and at last, exponential between.
        log_scale, rotation: of the logarithm of the scales and of the quaternions.
        logit, color: of the opacities before the sigmoid and of the colors' constant harmonic.
    """

    center: float = 1e-3
    last_center: float = 2e-5
    log_scale: float = 5e-3
    rotation: float = 5e-3
    logit: float = 5e-2
    color: float = 1e-2


class LearnedGaussians:
    """G: attributes before activation, as leaf tensors by name.

    Args:
        start: shared by all frames, after activation.
        rates: learning rates.
        free: whether means, scales and quats learn as well; else the Gaussians stay on the artist's mesh.
    """

    def __init__(self, start: Gaussians, rates: AttributeRates, free: bool) -> None:
        self.rates, self.names = rates, (*GEOMETRY, *APPEARANCE) if free else APPEARANCE
        self.attributes = {
            "center": start.means.clone(),
            "log_scale": start.scales.log(),
            "rotation": start.quats.clone(),
            "logit": torch.logit(start.opacities, eps=1e-6),
            "color": (start.colors - 0.5) / HARMONIC,
        }
        self._learn()

    def _learn(self) -> None:
        """Makes leaves of the attributes and an optimizer for them."""
        for name in self.names:
            self.attributes[name] = self.attributes[name].detach().clone().requires_grad_()
        groups = [{"params": [self.attributes[name]], "lr": getattr(self.rates, name)} for name in self.names]
        self.optimizer = torch.optim.Adam(groups, eps=1e-15)

    @property
    def means(self) -> Tensor:
        """(N, 3) in the rest pose, without gradients: where the field is asked."""
        return self.attributes["center"].detach()

    def deformed(self, offsets: Offsets, learning: bool) -> Gaussians:
        """After activation, F frames of offsets added before it [D].

        Args:
            learning: whether the attributes get gradients.
        """
        values = self.attributes if learning else {name: tensor.detach() for name, tensor in self.attributes.items()}
        return Gaussians(
            values["center"] + offsets.center,
            values["rotation"] + offsets.rotation,
            (values["log_scale"] + offsets.log_scale).exp(),
            torch.sigmoid(values["logit"]),
            (0.5 + HARMONIC * values["color"]).clamp_min(0),
        )

    def step(self, done: float) -> None:
        """One step of Adam; `done` is the part of the run that is over."""
        for name, group in zip(self.names, self.optimizer.param_groups, strict=True):
            if name == "center":
                group["lr"] = self.rates.center * (self.rates.last_center / self.rates.center) ** done
        self.optimizer.step()
        self.optimizer.zero_grad()

    def densify(self, gradient: Tensor, threshold: float, size: float, least_opacity: float, generator: torch.Generator) -> None:
        """Adds Gaussians where the picture wants more detail; see `densified`. Moments of Adam stay with the ones that were there."""
        self.attributes, source = densified(self.attributes, gradient, threshold, size, least_opacity, generator)
        moments = [self.optimizer.state[group["params"][0]] for group in self.optimizer.param_groups]
        self._learn()
        old = (source >= 0).nonzero()[:, 0]
        for group, kept in zip(self.optimizer.param_groups, moments, strict=True):
            fresh = {name: torch.zeros_like(group["params"][0]) for name in ("exp_avg", "exp_avg_sq") if name in kept}
            for name, tensor in fresh.items():
                tensor[old] = kept[name][source[old]]
            self.optimizer.state[group["params"][0]] = {**kept, **fresh}

    def arrays(self) -> dict[str, np.ndarray]:
        """For the checkpoint."""
        kept = {f"gaussians.{name}": tensor.detach().cpu().numpy() for name, tensor in self.attributes.items()}
        return kept | optimizer_arrays(self.optimizer, "gaussians_adam")

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """From `arrays`; there may be more Gaussians than before."""
        like = self.attributes["center"]
        self.attributes = {name: torch.from_numpy(arrays[f"gaussians.{name}"]).to(like.device) for name in self.attributes}
        self._learn()
        restore_optimizer(self.optimizer, "gaussians_adam", arrays)
