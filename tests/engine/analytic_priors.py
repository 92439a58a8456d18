"""A prior whose every answer is known in closed form: what it believes is a mixture of Gaussians over pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from align4d.priors.prior import Condition, MultiviewPrior, PriorFacts, RelativeCamera
from align4d.priors.schedule import scaled_linear

Belief = Callable[[Condition, RelativeCamera], Tensor]
"""Condition and camera of B pictures -> (K, B, 3, S, S) means of the K equally likely pictures that it believes in."""


class MixturePrior(MultiviewPrior):
    """Believes that pictures are drawn from mean_k + sigma n; its noise prediction is exactly E[noise | z_t].

    Conditions keep their pictures as features. Every call of `predict_noise` is kept in `asked`.
    """

    def __init__(self, belief: Belief, size: int = 8, sigma: float = 0.0, **facts: object) -> None:
        self.belief, self.sigma = belief, sigma
        shown = {"name": "mixture", "fovy": 49.13, "distances": (1.5, 2.2), "takes_distance": True}
        self.facts = PriorFacts(**{**shown, "size": size, "channels": 3, "latent_size": size, **facts})  # type: ignore[arg-type]
        self.schedule = scaled_linear()
        self.asked: list[tuple[Tensor, Tensor, Condition, RelativeCamera]] = []

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def condition(self, pictures: Tensor, elevation: Tensor, distance: Tensor) -> Condition:
        return Condition(elevation, distance, (pictures,))

    def null(self, count: int) -> Condition:
        size = self.facts.size
        return Condition(torch.zeros(count), torch.full((count,), torch.nan), (torch.full((count, 3, size, size), torch.nan),))

    def encode(self, pictures: Tensor) -> Tensor:
        return pictures

    @torch.no_grad()
    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        assert noisy.shape[1:] == (3, self.facts.size, self.facts.size)
        assert len(noisy) == len(timestep) == condition.count == camera.count
        self.asked.append((noisy.clone(), timestep.clone(), condition, camera))
        abar = self.schedule.at(timestep, noisy)
        spread = abar * self.sigma**2 + 1 - abar  # variance of z_t about sqrt(abar) mean
        away = noisy[None] - abar.sqrt() * self.belief(condition, camera)
        weight = torch.softmax(-(away**2).flatten(2).sum(-1) / (2 * spread.flatten()), 0)
        return ((weight[..., None, None, None] * away).sum(0) * (1 - abar).sqrt() / spread).float()


def believed(condition: Condition, camera: RelativeCamera) -> Tensor:
    """Whatever side is asked for looks like the condition; without one, gray."""
    return torch.nan_to_num(condition.features[0], nan=0.5)[None]
