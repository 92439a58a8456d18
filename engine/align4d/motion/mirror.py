"""The other side of a body: which parts are each other's mirror image, and a pose with left and right exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .skeleton import Skeleton

LIKE = 0.06
"""How far a joint may be from its twin's mirror image [longest sides]."""
ASIDE = 0.01
"""A limb's middle is farther than this from the plane between the sides [longest sides]."""
AS_LARGE = 0.5
"""Twins have at least this share of each other's area."""


@dataclass(frozen=True)
class Twins:
    """A body's left and right.

    Attributes:
        other: (K,) int64, the part on the other side; a part in the middle, or that has no twin, is its own.
        normal: (3,) of the plane between them.
    """

    other: np.ndarray
    normal: np.ndarray


def find_twins(skeleton: Skeleton) -> Twins | None:
    """As the artist has named the bones, or else in the upright plane through the root in which most of the body is its own mirror image.

    There, from the root on, parts that hang on the same part, or on twins, are twins where they are nearest to each other's mirror image.
    None where no limbs are twins.
    """
    if skeleton.twin is not None:
        other = skeleton.twin
        aside = skeleton.joint[other] - skeleton.joint
        normal = np.eye(3)[np.abs(aside).sum(0).argmax()]
    else:
        found = [(_matched(skeleton, normal), normal) for normal in np.eye(3)[:2]]
        other, normal = max(found, key=lambda one: int((one[0] != np.arange(skeleton.count)).sum()))
    limbs = _on_limbs(skeleton, other)
    return Twins(np.where(limbs, other, np.arange(skeleton.count)), normal) if limbs.any() else None


def _matched(skeleton: Skeleton, normal: np.ndarray) -> np.ndarray:
    """(K,) the twin of each part in the plane through the root."""
    places = np.concatenate([skeleton.joint, _middles(skeleton)], 1).reshape(-1, 2, 3) - skeleton.joint[skeleton.root]
    image = places - 2 * (places @ normal)[..., None] * normal
    other = np.arange(skeleton.count)
    for level in skeleton.levels:
        for part in level:
            twin = other[part]
            if part <= twin:
                here, there = (np.flatnonzero(skeleton.parent == one) for one in (part, twin))
                here, there = (one[np.abs(places[one, 1] @ normal) > ASIDE] for one in (here, there))
                for one, its_twin in _nearest(image[here], places[there], skeleton.mass[here], skeleton.mass[there]):
                    other[here[one]], other[there[its_twin]] = there[its_twin], here[one]
    return other


def _nearest(image: np.ndarray, places: np.ndarray, large: np.ndarray, other_large: np.ndarray) -> list[tuple[int, int]]:
    """Of mirror images (A, 2, 3) and places (B, 2, 3) those that are nearest to each other, and alike."""
    if not (len(image) and len(places)):
        return []
    unlike = np.linalg.norm(image[:, None] - places[None], axis=-1).max(-1)
    ratio = large[:, None] / other_large[None]
    unlike[(ratio < AS_LARGE) | (ratio > 1 / AS_LARGE)] = np.inf
    nearest, back = unlike.argmin(1), unlike.argmin(0)
    return [(one, int(twin)) for one, twin in enumerate(nearest) if back[twin] == one and unlike[one, twin] < LIKE]


def _middles(skeleton: Skeleton) -> np.ndarray:
    """(K, 3) of each part the mean joint of all that hangs on it, itself included."""
    total, count = skeleton.joint.copy(), np.ones(skeleton.count)
    for level in skeleton.levels[:0:-1]:
        np.add.at(total, skeleton.parent[level], total[level])
        np.add.at(count, skeleton.parent[level], count[level])
    return total / count[:, None]


def _on_limbs(skeleton: Skeleton, other: np.ndarray) -> np.ndarray:
    """(K,) bool of the parts of limbs: of twins that hang on parts which are no twins."""
    own = np.arange(skeleton.count)
    above = np.where(skeleton.parent < 0, own, skeleton.parent)
    first = (own < other) & (other[above] == above)
    inside = first.copy()
    inside[other[first]] = True
    for level in skeleton.levels[1:]:
        inside[level] |= inside[skeleton.parent[level]]
    return inside


def mirrored(twins: Twins, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Turns and shifts (T, K, 3) with every limb in the pose that its twin had; the root and what lies in the middle stay."""
    normal, other = torch.from_numpy(twins.normal).to(turn), torch.from_numpy(twins.other).to(turn.device)
    paired = (other != torch.arange(len(other), device=turn.device))[:, None]

    def across(vector: Tensor) -> Tensor:
        return 2 * (vector @ normal)[..., None] * normal

    # a turn is an axial vector: its mirror image keeps what is along the normal and changes the sign of the rest
    turned = across(turn.index_select(1, other)) - turn.index_select(1, other)
    moved = shift.index_select(1, other) - across(shift.index_select(1, other))
    return torch.where(paired, turned, turn), torch.where(paired, moved, shift)
