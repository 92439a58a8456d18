"""Animated creatures as skinning alone: surface points, their weights, bones and poses. What training needs, without any mesh."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from align4d.protocol import replacing

POSE_RATE = 24.0
"""Poses a second."""

POINTS = 512
"""Of a creature: the first half spread evenly over its surface, the second drawn from its triangles, large or small."""


@dataclass(frozen=True)
class Action:
    """Attributes:
    name: as its file calls it.
    poses: (T, K, 10) of each bone against its parent, at `POSE_RATE`: quaternion wxyz, translation, scale.
    """

    name: str
    poses: np.ndarray


@dataclass(frozen=True)
class Creature:
    """Z up, the bind pose's bounding box centered at the origin, its longest side 1.

    Attributes:
        name: of its file.
        points: (POINTS, 3) in the bind pose.
        normals: (POINTS, 3) unit normals there.
        bones: (POINTS, 4) that move each point.
        weights: (POINTS, 4) of those bones, rows sum to 1.
        parents: (K,) parent of each bone, -1 for a root; before its children.
        bind: (K, 10) the bind pose, as a pose of `Action`.
        actions: of it.
    """

    name: str
    points: np.ndarray
    normals: np.ndarray
    bones: np.ndarray
    weights: np.ndarray
    parents: np.ndarray
    bind: np.ndarray
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Pack:
    """A creatures padded to K bones, and M actions of F poses in all, as one file keeps them.

    Attributes:
        names: (A,).
        points, normals: (A, POINTS, 3).
        bones, weights: (A, POINTS, 4).
        parents: (A, K); -1 for roots and padding.
        bind: (A, K, 10).
        poses: (F, K, 10).
        actions: (M, 3) creature, first pose and number of poses; those of a creature follow each other.
        action_names: (M,).
    """

    names: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    bones: np.ndarray
    weights: np.ndarray
    parents: np.ndarray
    bind: np.ndarray
    poses: np.ndarray
    actions: np.ndarray
    action_names: np.ndarray

    def save(self, path: Path) -> None:
        """As .npz."""
        with replacing(path) as file:
            np.savez_compressed(file, **vars(self))


def load_pack(path: Path) -> Pack:
    """Of a file of `Pack.save`. Raises KeyError where an array is missing."""
    with np.load(path, allow_pickle=False) as stored:
        return Pack(**{one.name: stored[one.name] for one in fields(Pack)})


def pack(creatures: list[Creature]) -> Pack:
    """All in one."""
    bones = max(len(one.parents) for one in creatures)
    still = np.zeros((bones, 10), np.float32)
    still[:, 0] = still[:, 7:] = 1

    def padded(poses: np.ndarray) -> np.ndarray:
        filled = np.broadcast_to(still, (*poses.shape[:-2], bones, 10)).copy()
        filled[..., : poses.shape[-2], :] = poses
        return filled

    all_actions = [(number, action) for number, one in enumerate(creatures) for action in one.actions]
    lengths = [len(action.poses) for _, action in all_actions]
    starts = np.cumsum([0, *lengths])[:-1]
    rows = [(number, start, length) for (number, _), start, length in zip(all_actions, starts, lengths, strict=True)]
    parents = [np.pad(one.parents, (0, bones - len(one.parents)), constant_values=-1) for one in creatures]
    return Pack(
        names=np.array([one.name for one in creatures]),
        points=np.stack([one.points for one in creatures]).astype(np.float16),
        normals=np.stack([one.normals for one in creatures]).astype(np.float16),
        bones=np.stack([one.bones for one in creatures]).astype(np.int16),
        weights=np.stack([one.weights for one in creatures]).astype(np.float16),
        parents=np.stack(parents).astype(np.int16),
        bind=np.stack([padded(one.bind) for one in creatures]).astype(np.float32),
        poses=np.concatenate([padded(action.poses) for _, action in all_actions]).astype(np.float16),
        actions=np.array(rows, np.int32),
        action_names=np.array([action.name for _, action in all_actions]),
    )
