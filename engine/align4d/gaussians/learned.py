"""Gaussians whose attributes are learned: activation, learning rates, and steps of Adam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..motion.hexplane import Offsets
from ..rendering import Gaussians
from .densification import densified
from .optimiser_state import optimiser_arrays, restore_optimiser

HARMONIC = 0.28209479177387814
"""The constant spherical harmonic: colour = 0.5 + HARMONIC * what is learned, as in 3D Gaussian splatting."""

APPEARANCE = ("color", "logit")
GEOMETRY = ("centre", "log_scale", "rotation")


@dataclass(frozen=True)
class AttributeRates:
    """Learning rates of Adam [D].

    Attributes:
        centre, last_centre: of the centres at first and at last, exponential between.
        log_scale, rotation: of the logarithm of the scales and of the quaternions.
        logit, color: of the opacities before the sigmoid and of the colours' constant harmonic.
    """

    centre: float = 1e-3
    last_centre: float = 2e-5
    log_scale: float = 5e-3
    rotation: float = 5e-3
    logit: float = 5e-2
    color: float = 1e-2


class LearnedGaussians:
    """G: attributes before activation, as leaf tensors by name.

    Args:
        start: shared by all frames, after activation.
        rates: learning rates.
        free: whether centres, scales and rotations learn as well; else the Gaussians stay on the artist's mesh.
    """

    def __init__(self, start: Gaussians, rates: AttributeRates, free: bool) -> None:
        self.rates, self.names = rates, (*GEOMETRY, *APPEARANCE) if free else APPEARANCE
        self.attributes = {
            "centre": start.centres.clone(),
            "log_scale": start.scales.log(),
            "rotation": start.rotations.clone(),
            "logit": torch.logit(start.opacities, eps=1e-6),
            "color": (start.colors - 0.5) / HARMONIC,
        }
        self._learn()

    def _learn(self) -> None:
        """Makes leaves of the attributes and an optimiser for them."""
        for name in self.names:
            self.attributes[name] = self.attributes[name].detach().clone().requires_grad_()
        groups = [{"params": [self.attributes[name]], "lr": getattr(self.rates, name)} for name in self.names]
        self.optimiser = torch.optim.Adam(groups, eps=1e-15)

    @property
    def centres(self) -> Tensor:
        """(N, 3) in the rest pose, without gradients: where the field is asked."""
        return self.attributes["centre"].detach()

    def deformed(self, offsets: Offsets, learning: bool) -> Gaussians:
        """After activation, F frames of offsets added before it [D].

        Args:
            learning: whether the attributes get gradients.
        """
        values = self.attributes if learning else {name: tensor.detach() for name, tensor in self.attributes.items()}
        return Gaussians(
            values["centre"] + offsets.centre,
            values["rotation"] + offsets.rotation,
            (values["log_scale"] + offsets.log_scale).exp(),
            torch.sigmoid(values["logit"]),
            (0.5 + HARMONIC * values["color"]).clamp_min(0),
        )

    def step(self, done: float) -> None:
        """One step of Adam; `done` is the part of the run that is over."""
        for name, group in zip(self.names, self.optimiser.param_groups, strict=True):
            if name == "centre":
                group["lr"] = self.rates.centre * (self.rates.last_centre / self.rates.centre) ** done
        self.optimiser.step()
        self.optimiser.zero_grad()

    def densify(self, gradient: Tensor, threshold: float, size: float, least_opacity: float, generator: torch.Generator) -> None:
        """Adds Gaussians where the picture wants more detail; see `densified`. Moments of Adam stay with the ones that were there."""
        self.attributes, source = densified(self.attributes, gradient, threshold, size, least_opacity, generator)
        moments = [self.optimiser.state[group["params"][0]] for group in self.optimiser.param_groups]
        self._learn()
        old = (source >= 0).nonzero()[:, 0]
        for group, kept in zip(self.optimiser.param_groups, moments, strict=True):
            fresh = {name: torch.zeros_like(group["params"][0]) for name in ("exp_avg", "exp_avg_sq") if name in kept}
            for name, tensor in fresh.items():
                tensor[old] = kept[name][source[old]]
            self.optimiser.state[group["params"][0]] = {**kept, **fresh}

    def arrays(self) -> dict[str, np.ndarray]:
        """For the checkpoint."""
        kept = {f"gaussians.{name}": tensor.detach().cpu().numpy() for name, tensor in self.attributes.items()}
        return kept | optimiser_arrays(self.optimiser, "gaussians_adam")

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """From `arrays`; there may be more Gaussians than before."""
        like = self.attributes["centre"]
        self.attributes = {name: torch.from_numpy(arrays[f"gaussians.{name}"]).to(like.device) for name in self.attributes}
        self._learn()
        restore_optimiser(self.optimiser, "gaussians_adam", arrays)
