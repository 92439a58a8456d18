"""The poses of an armature that bring a skinned mesh to given positions: damped least squares on all joints at once.

Needs numpy only, so that it can run in a thread and be tested without Blender. Bones are rigid: they turn about their heads, and
those that are free move as well; linear blend skinning carries the vertices. Space: the armature's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

SAMPLES = 800
"""Vertices that a pose is solved for; more of them say little more about some dozen joints."""
STEPS = 12
"""Gauss-Newton steps a frame at most; a frame starts from the one before, so that few are needed."""
ENOUGH = 1e-4
"""A step that moves no joint farther than this [rad, or parts of the armature's size] ends the frame."""
DAMPING = 1e-6
"""Of the normal equations, over their mean diagonal: what the surface does not show keeps the pose of the frame before."""


@dataclass(frozen=True)
class Rig:
    """Bones in rest position, parents before children.

    Attributes:
        parent: (K,) index of each bone's parent, -1 for a root.
        rest: (K, 4, 4) rest matrices.
        free: (K,) whether a bone may move away from its parent as well as turn (roots, unconnected bones).
        moving: (K,) whether a bone may move at all; the others keep their place against their parent.
    """

    parent: Array
    rest: Array
    free: Array
    moving: Array

    @property
    def count(self) -> int:
        """Number of bones K."""
        return len(self.parent)


@dataclass(frozen=True)
class Skinned:
    """A mesh as the armature sees it.

    Attributes:
        vertices: (V, 3) rest positions.
        weights: (V, K), rows sum to 1; rows of vertices that no bone moves are zero, and are left out.
    """

    vertices: Array
    weights: Array

    @property
    def size(self) -> float:
        """The longest side [units of length]."""
        return float(np.ptp(self.vertices, axis=0).max())


def solve_poses(rig: Rig, skinned: Skinned, targets: Array, emphasis: Array | None = None) -> Iterator[Array]:
    """The pose of each frame, one after the other: (K, 4, 4) matrices of the bones in the armature's space.

    Args:
        targets: (T, V, 3) positions of the vertices.
        emphasis: (T, V) how much each vertex counts; all the same by default.
    """
    chosen = spread(skinned.weights, None if emphasis is None else emphasis.max(0))
    vertices, weights = skinned.vertices[chosen].astype(np.float64), skinned.weights[chosen].astype(np.float64)
    solver = _Solver(rig, vertices, weights)
    pose = rig.rest.astype(np.float64).copy()
    for index, target in enumerate(targets):
        importance = np.ones(len(chosen)) if emphasis is None else emphasis[index, chosen]
        pose = solver.solve(pose, target[chosen].astype(np.float64), np.sqrt(importance)[:, None])
        yield pose.copy()


def skin(rest: Array, skinned: Skinned, pose: Array) -> Array:
    """(V, 3) positions of the vertices in a pose (K, 4, 4) of bones with these rest matrices (K, 4, 4)."""
    moved = pose @ np.linalg.inv(rest)
    blended = np.einsum("vk,kij->vij", skinned.weights, moved)
    return np.einsum("vij,vj->vi", blended[:, :3, :3], skinned.vertices) + blended[:, :3, 3]


def spread(weights: Array, emphasis: Array | None = None, count: int = SAMPLES) -> Array:
    """Indices of about `count` vertices that bones move, half of them with as many for a small bone as for a large one where there are.

    Those with an emphasis (V,) above 1 are among them, `count` of them at most.
    """
    moved = np.flatnonzero(weights.sum(1) > 0)
    if len(moved) <= count:
        return moved
    random = np.random.default_rng(0)
    owner = weights[moved].argmax(1)
    bones = np.unique(owner)
    share = max(count // (2 * len(bones)), 1)
    kept = [random.permutation(moved[owner == bone])[:share] for bone in bones]
    stressed = moved[emphasis[moved] > 1] if emphasis is not None else moved[:0]
    return np.unique(np.concatenate([*kept, random.permutation(moved)[: count // 2], random.permutation(stressed)[:count]]))


class _Solver:
    """What the frames share: who hangs on whom, and the vertices as each bone sees them."""

    def __init__(self, rig: Rig, vertices: Array, weights: Array) -> None:
        self.rig, self.weights = rig, weights
        homogeneous = np.concatenate([vertices, np.ones((len(vertices), 1))], 1)
        self.local = np.einsum("kij,vj->kvi", np.linalg.inv(rig.rest), homogeneous)
        # how much of a vertex hangs on a bone, its own weight for it included
        self.hanging = weights.copy()
        for bone in range(rig.count - 1, 0, -1):
            if rig.parent[bone] >= 0:
                self.hanging[:, rig.parent[bone]] += self.hanging[:, bone]
        self.size = max(float(np.ptp(vertices, axis=0).max()), 1e-9)
        self.turning: list[int] = np.flatnonzero(rig.moving & (self.hanging.sum(0) > 1e-6)).tolist()
        self.sliding: list[int] = np.flatnonzero(rig.moving & rig.free & (self.hanging.sum(0) > 1e-6)).tolist()

    def solve(self, pose: Array, target: Array, importance: Array) -> Array:
        """The pose (K, 4, 4) nearest to `target` (v, 3), from `pose`; `importance` (v, 1) multiplies what a vertex is off."""
        error, gain = importance * (self._positions(pose) - target), DAMPING
        for _ in range(STEPS):
            step = self._step(pose, error, importance, gain)
            tried = self._moved(pose, step)
            left = importance * (self._positions(tried) - target)
            if (left**2).sum() > (error**2).sum():
                gain *= 100
                if gain > 1e6:
                    break
                continue
            pose, error, gain = tried, left, max(gain / 10, DAMPING)
            if np.abs(step).max(initial=0.0) < ENOUGH:
                break
        return pose

    def _positions(self, pose: Array) -> Array:
        """(v, 3)."""
        return np.einsum("vk,kvi->vi", self.weights, np.einsum("kij,kvj->kvi", pose[:, :3], self.local))

    def _step(self, pose: Array, error: Array, importance: Array, gain: float) -> Array:
        """(n, 3) rotation vectors of the turning bones about their heads, then shifts of the sliding ones, over the size."""
        # for each bone the sum of weight * position over all that hangs on it, leaves first
        carried = np.einsum("kij,kvj->kvi", pose[:, :3], self.local) * self.weights.T[..., None]
        for bone in range(self.rig.count - 1, 0, -1):
            if self.rig.parent[bone] >= 0:
                carried[self.rig.parent[bone]] += carried[bone]
        columns = np.zeros((len(error), 3, len(self.turning) + len(self.sliding), 3))
        for index, bone in enumerate(self.turning):
            arm = carried[bone] - self.hanging[:, bone : bone + 1] * pose[bone, :3, 3]
            columns[:, 0, index, 1], columns[:, 0, index, 2] = arm[:, 2], -arm[:, 1]
            columns[:, 1, index, 0], columns[:, 1, index, 2] = -arm[:, 2], arm[:, 0]
            columns[:, 2, index, 0], columns[:, 2, index, 1] = arm[:, 1], -arm[:, 0]
        for index, bone in enumerate(self.sliding, len(self.turning)):
            for axis in range(3):
                columns[:, axis, index, axis] = self.hanging[:, bone] * self.size
        jacobian = (importance[..., None, None] * columns).reshape(len(error) * 3, -1)
        normal = jacobian.T @ jacobian
        normal[np.diag_indices_from(normal)] += gain * max(float(np.trace(normal)) / max(len(normal), 1), 1e-12)
        step: Array = np.linalg.solve(normal, -jacobian.T @ error.reshape(-1)).reshape(-1, 3)
        return step

    def _moved(self, pose: Array, step: Array) -> Array:
        """The pose after a step: each bone turned about its head and shifted, with all that hangs on it."""
        change = np.tile(np.eye(4), (self.rig.count, 1, 1))
        for index, bone in enumerate(self.turning):
            turn, head = rotation_of(step[index]), pose[bone, :3, 3]
            change[bone, :3, :3], change[bone, :3, 3] = turn, head - turn @ head
        for index, bone in enumerate(self.sliding, len(self.turning)):
            change[bone, :3, 3] += step[index] * self.size
        moved = np.empty_like(pose)
        for bone in range(self.rig.count):
            parent = self.rig.parent[bone]
            if parent >= 0:
                change[bone] = change[parent] @ change[bone]
            moved[bone] = change[bone] @ pose[bone]
        return moved


def rotation_of(vector: Array) -> Array:
    """(3, 3) of a rotation vector (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    cross = np.array([[0, -vector[2], vector[1]], [vector[2], 0, -vector[0]], [-vector[1], vector[0], 0]])
    if angle < 1e-9:
        return np.eye(3) + cross
    sine, cosine = np.sin(angle) / angle, (1 - np.cos(angle)) / angle**2
    result: Array = np.eye(3) + sine * cross + cosine * cross @ cross
    return result
