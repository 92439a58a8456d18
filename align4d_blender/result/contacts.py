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
    height = motion @ up
    size = float(np.ptp(motion[0], axis=0).max()) or 1.0
    ground = np.percentile(height.min(1), 20)
    step = np.linalg.norm(np.diff(motion, axis=0), axis=-1)
    speed = np.concatenate([step[:1], np.maximum(step[1:], step[:-1]), step[-1:]])
    standing = (height < ground + NEAR * size) & (speed < SLOW * size)
    found = []
    for bone in np.unique(owner[owner >= 0]):
        of_bone = np.flatnonzero(owner == bone)
        for first, last in _runs(standing[:, of_bone].any(1)):
            if last - first + 1 >= SHORTEST:
                points = of_bone[standing[first : last + 1, of_bone].mean(0) > 0.5]
                if len(points):
                    found.append(Contact(int(bone), first, last, points))
    return found


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
