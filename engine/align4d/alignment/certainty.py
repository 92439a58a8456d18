"""How firmly the clip holds a motion: how far each place of the surface may be off, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from .lifted_depth import LiftedDepth
from .solved import Solved


@dataclass(frozen=True)
class Certainty:
    """Attributes:
    doubt: (T, P) how far places of the surface may be off [longest sides].
    rest: (P, 3) these places at rest, normalized space.
    """

    doubt: np.ndarray
    rest: np.ndarray

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """(B,) int32, the place nearest to each point (B, 3) at rest."""
        found: np.ndarray = cKDTree(self.rest).query(points)[1].astype(np.int32)
        return found


@torch.no_grad()
def judge_certainty(solved: Solved, lifted: LiftedDepth) -> Certainty:
    """What the motion prior leaves open of a motion.

    One camera sees where a place is in its picture, and hardly how far away. So the doubt is the standard deviation of the depth that the
    prior gives it: its spread within each hypothesis, and how far the hypotheses lie apart. Poses that are known leave nothing open.
    """
    lifted.ask(solved.motion)
    doubt = _deviation(lifted)
    doubt[list(solved.certain)] = 0
    return Certainty(doubt.float().cpu().numpy(), solved.animated.bound.means[lifted.index].cpu().numpy())


def _deviation(lifted: LiftedDepth) -> Tensor:
    """(T, P) standard deviation of the prior's mixture; the variance of a Laplace distribution is twice its scale squared."""
    modes = lifted.modes
    share = modes.log_share.exp()
    mean = (modes.depth * share).sum(-1, keepdim=True)
    variance: Tensor = ((2 * modes.spread**2 + (modes.depth - mean) ** 2) * share).sum(-1)
    return variance.sqrt()
