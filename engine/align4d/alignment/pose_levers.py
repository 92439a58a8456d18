"""What turning and moving a joint amounts to: how far the surface goes, and how much the body resists."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..motion.skeleton import Skeleton

FIRM = 6.0
"""So much more a joint that the artist has placed resists being pulled apart than one whose place is a guess."""


def levers(skeleton: Skeleton, like: Tensor) -> tuple[Tensor, Tensor]:
    """How much to turn (1, K, 1) and to shift (1, K, 1) a joint so that the whole surface moves by a root mean square of 1.

    Both on the device and of the type of `like`.
    """
    turn = torch.from_numpy((skeleton.inertia + 1e-7) ** -0.5).to(like)
    shift = torch.from_numpy((skeleton.mass + 1e-4) ** -0.5).to(like)
    return turn[None, :, None], shift[None, :, None]


def stiffness(skeleton: Skeleton, joint_radius: float) -> Tensor:
    """(K,) resistance of each joint to bending: 1 up to `joint_radius`, more for thicker ones; the root's is 0."""
    resistance = np.maximum(1.0, (skeleton.radius / joint_radius) ** 2)
    resistance[skeleton.root] = 0
    return torch.from_numpy(resistance).float()


def firmness(skeleton: Skeleton) -> Tensor:
    """(K,) resistance of each joint to being pulled apart: 1 where a part's shape tells of it, more where the artist does; the root's is 0."""
    firm = np.ones(skeleton.count) if skeleton.known is None else np.where(skeleton.known, FIRM, 1.0)
    firm[skeleton.root] = 0
    return torch.from_numpy(firm).float()
