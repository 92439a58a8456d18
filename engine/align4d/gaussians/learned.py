"""Gaussians whose attributes are learned: activation, learning rates, and steps of Adam."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..motion.hexplane import Offsets
from ..protocol.ply import HARMONIC
from ..rendering import Gaussians
from .adam import Adam, Group
from .densification import densified

APPEARANCE = ("color", "logit")
GEOMETRY = ("center", "log_scale", "rotation")

RATES = {"center": 1e-3, "log_scale": 5e-3, "rotation": 5e-3, "logit": 5e-2, "color": 1e-2}
"""Learning rates of Adam, DreamGaussian4D's, by attribute before activation."""

LAST_CENTER = 2e-5
"""The means' rate at last; exponential between."""


class LearnedGaussians:
    """G: attributes before activation, as leaf tensors by name.

    Args:
        start: shared by all frames, after activation.
        free: whether means, scales and quats learn as well; else the Gaussians stay on the artist's mesh.
        floor: of all gradients, see `Group`. Without it Gaussians that no picture shows, and what none shows of the others, such as
            their depth, wander as far as those that pictures show.
    """

    def __init__(self, start: Gaussians, free: bool, floor: float = 0.0) -> None:
        self.floor = floor
        self.names = (*GEOMETRY, *APPEARANCE) if free else APPEARANCE
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
        like = self.attributes["center"]
        # rates as tensors, so that a recorded step reads what they are then
        groups = [Group([self.attributes[name]], like.new_tensor(RATES[name]), self.floor) for name in self.names]
        self.optimizer = Adam(groups, eps=1e-15)

    @property
    def means(self) -> Tensor:
        """(N, 3) in the rest pose, without gradients."""
        return self.attributes["center"].detach()

    @property
    def points(self) -> Tensor:
        """(N, 3) where the deformation field is asked: at the means."""
        return self.means

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

    def step(self, done: float | Tensor) -> None:
        """One step of Adam; `done` is the part of the run that is over."""
        for name, group in zip(self.names, self.optimizer.groups, strict=True):
            if name == "center":
                group.rate = torch.as_tensor(RATES["center"] * (LAST_CENTER / RATES["center"]) ** done, dtype=torch.float32)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def tensors(self) -> list[Tensor]:
        """All that `step` changes, themselves."""
        return self.optimizer.tensors()

    def densify(self, gradient: Tensor, threshold: float, generator: torch.Generator) -> None:
        """Adds Gaussians where the picture wants more detail; see `densified`. Moments of Adam stay with the ones that were there."""
        self.attributes, source = densified(self.attributes, gradient, threshold, generator)
        moments = self.optimizer.moments
        self._learn()
        old = (source >= 0).nonzero()[:, 0]
        for (fresh,), (kept,) in zip(self.optimizer.moments, moments, strict=True):
            fresh.exp_avg[old], fresh.exp_avg_sq[old], fresh.step = kept.exp_avg[source[old]], kept.exp_avg_sq[source[old]], kept.step

    def arrays(self) -> dict[str, np.ndarray]:
        """For the checkpoint."""
        kept = {f"gaussians.{name}": tensor.detach().cpu().numpy() for name, tensor in self.attributes.items()}
        return kept | self.optimizer.arrays("gaussians_adam")

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """From `arrays`; there may be more Gaussians than before."""
        like = self.attributes["center"]
        self.attributes = {name: torch.from_numpy(arrays[f"gaussians.{name}"]).to(like.device) for name in self.attributes}
        self._learn()
        self.optimizer.restore("gaussians_adam", arrays)
