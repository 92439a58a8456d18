"""Where a motion stands on the ground: slow points near its lowest plane, and the motion with these held still. numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

NEAR = 0.03
"""How far above the lowest plane a point may stand to touch it [parts of the size]."""
SLOW = 0.012
"""How far a point that stands may move from frame to frame [parts of the size]."""
SHORTEST = 3
"""Frames that a contact lasts at least."""
LOWEST = 0.2
"""Part of a bone's vertices that stand where a contact was chosen in which nothing does by itself."""
EMPHASIS = 30.0
"""How much more a point that stands counts for the pose than another."""


@dataclass(frozen=True)
class Contact:
    """A bone that stands still from one frame to another.

    Attributes:
        bone: index of the bone.
        first, last: frames, both included.
        points: indices of the vertices that stand.
    """

    bone: int
    first: int
    last: int
    points: Array


def find_contacts(motion: Array, owner: Array, up: Array) -> list[Contact]:
    """The contacts of a motion (T, V, 3).

    Args:
        owner: (V,) bone that moves each vertex most; -1 for none.
        up: (3,) direction away from the ground, length 1.
    """
    standing = _standing(motion, up)
    found = []
    for bone in np.unique(owner[owner >= 0]):
        for first, last in _runs(np.asarray(standing[:, owner == bone].any(1))):
            if last - first + 1 >= SHORTEST:
                contact = Contact(int(bone), first, last, _points(standing, owner, int(bone), first, last))
                found += [contact] if len(contact.points) else []
    return found


def contact_of(motion: Array, owner: Array, up: Array, bone: int, first: int, last: int) -> Contact:
    """A contact of a bone in frames that somebody has chosen: what stands in them, else what is lowest of the bone."""
    first, last = max(first, 0), min(last, len(motion) - 1)
    points = _points(_standing(motion, up), owner, bone, first, last)
    if not len(points) and last >= first:
        of_bone = np.flatnonzero(owner == bone)
        height = (motion[first : last + 1, of_bone] @ up).mean(0)
        points = of_bone[height <= np.quantile(height, LOWEST)] if len(of_bone) else of_bone
    return Contact(bone, first, last, points)


def owners(weights: Array) -> Array:
    """(V,) the bone that moves each vertex most by weights (V, K); -1 for none."""
    owner: Array = np.where(weights.sum(1) > 0, weights.argmax(1), -1)
    return owner


def _standing(motion: Array, up: Array) -> Array:
    """(T, V) whether a point is slow and near the lowest plane of the motion."""
    height = motion @ up
    size = float(np.ptp(motion[0], axis=0).max()) or 1.0
    ground = np.percentile(height.min(1), 20)
    step = np.linalg.norm(np.diff(motion, axis=0), axis=-1)
    speed = np.concatenate([step[:1], np.maximum(step[1:], step[:-1]), step[-1:]])
    near: Array = (height < ground + NEAR * size) & (speed < SLOW * size)
    return near


def _points(standing: Array, owner: Array, bone: int, first: int, last: int) -> Array:
    """Indices of the bone's vertices that stand in most of these frames."""
    of_bone = np.flatnonzero(owner == bone)
    points: Array = of_bone[standing[first : last + 1, of_bone].mean(0) > 0.5] if last >= first else of_bone[:0]
    return points


def held(motion: Array, contacts: list[Contact]) -> tuple[Array, Array]:
    """The motion with every contact standing where it stood in the mean, and how much each point counts (T, V)."""
    result, emphasis = motion.copy(), np.ones(motion.shape[:2])
    for contact in contacts:
        frames = slice(contact.first, contact.last + 1)
        result[frames, contact.points] = motion[frames, contact.points].mean(axis=0)
        emphasis[frames, contact.points] = EMPHASIS
    return result, emphasis


def sliding(motion: Array, contacts: list[Contact]) -> float:
    """How far the points of contacts move from frame to frame in the mean, over all contacts; 0 without any."""
    steps = [np.linalg.norm(np.diff(motion[one.first : one.last + 1, one.points], axis=0), axis=-1).mean() for one in contacts]
    return float(np.mean(steps)) if steps else 0.0


def _runs(flags: Array) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return [(int(first), int(last) - 1) for first, last in zip(edges[::2], edges[1::2], strict=True)]
