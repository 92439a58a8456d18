"""A body keeps its lengths: what the deformation field may not do, however well it fits the pictures."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..rendering import Gaussians
from .video_conditions import VISIBLE

ANCHORS = 1024
"""Places on the body, at most, between which lengths are kept."""

NEIGHBORS = 12
"""Nearest places to each; those of a limb are all around it, so that it neither flattens nor swells."""


class Isometry:
    """Lengths between places that are spread over Gaussians at rest.

    Video says nothing of depth, and a field that is free folds the body in depth without a trace in the pictures.

    Args:
        rest: shared by all frames.

    Attributes:
        places: (A, 3) on the body at rest.
    """

    def __init__(self, rest: Gaussians) -> None:
        seen = rest.means[rest.opacities >= VISIBLE]
        spread = _farthest(seen if len(seen) > NEIGHBORS else rest.means, ANCHORS)
        _, nearest = cKDTree(spread.cpu().numpy()).query(spread.cpu().numpy(), k=min(NEIGHBORS + 1, len(spread)))
        own = np.repeat(np.arange(len(spread)), nearest.shape[1] - 1)
        pairs = np.unique(np.sort(np.stack([own, nearest[:, 1:].ravel()], 1), axis=1), axis=0)
        self.places, self._pairs = spread, torch.from_numpy(pairs).to(spread.device)
        self._lengths = self._measured(spread).clamp_min(1e-6)

    def cost(self, moved: Tensor) -> Tensor:
        """A scalar: the mean squared relative change of lengths in F frames of the places, (F, A, 3)."""
        return ((self._measured(moved) / self._lengths - 1) ** 2).mean()

    def _measured(self, places: Tensor) -> Tensor:
        one, other = (places.index_select(-2, end) for end in self._pairs.unbind(1))
        # a little, because the square root has no gradient at zero
        return ((one - other).square().sum(-1) + 1e-12).sqrt()


def _farthest(points: Tensor, count: int) -> Tensor:
    """(min(count, N), 3) of the points (N, 3): each the one that is farthest from those before."""
    if len(points) <= count:
        return points.clone()
    chosen = torch.zeros(count, dtype=torch.long, device=points.device)
    left = torch.full_like(points[:, 0], torch.inf)
    for index in range(1, count):
        left = torch.minimum(left, (points - points[chosen[index - 1]]).square().sum(-1))
        chosen[index] = left.argmax()
    return points[chosen]
