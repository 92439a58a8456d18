"""The other side of a body: which parts are each other's mirror image, and a pose with left and right exchanged."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .skeleton import Skeleton

LIKE = 0.06
"""How far a joint may be from its twin's mirror image [longest sides]."""


class Twins:
    """A body's left and right.

    Attributes:
        other: (K,) int64, the part on the other side; a part in the middle is its own.
        normal: (3,) of the plane between them.
    """

    def __init__(self, other: np.ndarray, normal: np.ndarray) -> None:
        self.other, self.normal = torch.from_numpy(other), torch.from_numpy(normal).float()


def find_twins(skeleton: Skeleton) -> Twins | None:
    """The upright plane through the root in which the joints are each other's mirror image; None where there is none, or nothing beside it."""
    best: tuple[float, Twins] | None = None
    for normal in np.eye(3)[:2]:
        away = skeleton.joint - skeleton.joint[skeleton.root]
        image = away - 2 * (away @ normal)[:, None] * normal
        unlike = np.linalg.norm(image[:, None] - away[None], axis=-1)
        other = unlike.argmin(1)
        worst = float(unlike[np.arange(len(other)), other].max())
        parent = np.where(skeleton.parent < 0, skeleton.root, skeleton.parent)
        fits = (other[other] == np.arange(len(other))).all() and (other[parent] == parent[other]).all()
        if fits and (other != np.arange(len(other))).any() and worst < LIKE and (best is None or worst < best[0]):
            best = worst, Twins(other, normal)
    return best[1] if best else None


def mirrored(twins: Twins, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Turns and shifts (T, K, 3) with every limb in the pose that its twin had; the root and what lies in the middle stay."""
    normal, other = twins.normal.to(turn), twins.other.to(turn.device)
    paired = (other != torch.arange(len(other), device=turn.device))[:, None]

    def across(vector: Tensor) -> Tensor:
        return 2 * (vector @ normal)[..., None] * normal

    # a turn is an axial vector: its mirror image keeps what is along the normal and changes the sign of the rest
    turned = across(turn.index_select(1, other)) - turn.index_select(1, other)
    moved = shift.index_select(1, other) - across(shift.index_select(1, other))
    return torch.where(paired, turned, turn), torch.where(paired, moved, shift)
