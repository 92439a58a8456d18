"""Parts joined into a tree: turning a joint moves everything that hangs on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial import cKDTree
from torch import Tensor

from .armature import Armature
from .kinematics import Tree, build_tree, pose_tree
from .meeting_places import Places, meeting_places, pair_of
from .parts import Parts
from .surface_graph import SurfaceGraph


@dataclass(frozen=True)
class Motion:
    """World transforms of the parts: x' = rotation x + offset.

    Attributes:
        quaternion: (T, K, 4), wxyz.
        rotation: (T, K, 3, 3).
        offset: (T, K, 3).
    """

    quaternion: Tensor
    rotation: Tensor
    offset: Tensor

    def frames(self, index: Tensor) -> Motion:
        """The frames `index` (F,) int64 of it; `index` on its device."""
        return Motion(*(one.index_select(0, index) for one in (self.quaternion, self.rotation, self.offset)))

    def frame(self, index: int) -> Motion:
        """One frame, as a motion of one frame."""
        one = slice(index, index + 1)
        return Motion(self.quaternion[one], self.rotation[one], self.offset[one])


@dataclass(frozen=True)
class Skeleton:
    """A tree of parts.

    Attributes:
        parent: (K,) parent of each part, -1 for the root.
        joint: (K, 3) where a part hangs on its parent; the root's is its center.
        radius: (K,) of the surface in which a part meets its parent: thick joints are stiff.
        mass: (K,) part of the whole area that hangs on a joint, its own part included.
        inertia: (K,) second moment of that area about the joint, over the whole area.
        levels: parts by distance from the root, root first.
        twin: (K,) the part on the other side as the artist has named it, itself where there is none; None where nothing is named so.
        known: (K,) bool, whether the artist has said where a part turns; None where nothing is.
        trunk: the part that most of the body hangs on in the artist's armature, and the point (3,) that it turns about; None without one.
    """

    parent: np.ndarray
    joint: np.ndarray
    radius: np.ndarray
    mass: np.ndarray
    inertia: np.ndarray
    levels: tuple[np.ndarray, ...]
    twin: np.ndarray | None = None
    known: np.ndarray | None = None
    trunk: tuple[int, np.ndarray] | None = None

    @property
    def count(self) -> int:
        """Number of parts K."""
        return len(self.parent)

    @property
    def root(self) -> int:
        """The part without a parent."""
        return int(self.levels[0][0])

    def pose(self, turn: Tensor, shift: Tensor) -> Motion:
        """Forward kinematics.

        Args:
            turn: (T, K, 3) rotation vectors of each part against its parent, about its joint.
            shift: (T, K, 3) translations of each joint in its parent's frame; the root's is the object's own.
        """
        return Motion(*pose_tree(self._tree(turn), turn, shift))

    def _tree(self, like: Tensor) -> Tree:
        """The tree on the device of `like`, brought there once."""
        place = (like.device, like.dtype)
        if place not in self._trees:
            self._trees[place] = build_tree(self.parent, self.joint, like)
        return self._trees[place]

    @cached_property
    def _trees(self) -> dict[tuple[torch.device, torch.dtype], Tree]:
        return {}


def build_skeleton(surface: SurfaceGraph, parts: Parts, armature: Armature | None = None) -> Skeleton:
    """The tree that joins neighboring parts where they share most surface, rooted in the middle of the mass.

    Args:
        armature: where the parts are bones: those that are nearest to each other in it are joined, and turn where they begin.
    """
    places = meeting_places(surface, parts)
    if armature is not None:
        places |= armature.apart(surface, parts, places)
    area = np.bincount(parts.label, surface.area, parts.count)
    center = np.stack([np.bincount(parts.label, surface.area * surface.nodes[:, axis], parts.count) for axis in range(3)], axis=1) / area[:, None]
    joined = _spanning_tree(surface, parts, places, armature, area)
    rows, columns = np.array(joined, np.int64).reshape(-1, 2).T
    length = np.linalg.norm(center[rows] - center[columns], axis=1) + 1e-3
    graph = coo_matrix((length, (rows, columns)), shape=(parts.count,) * 2).tocsr()
    root = int((dijkstra(graph, directed=False) * area).sum(axis=1).argmin())
    order, parent = breadth_first_order(graph, root, directed=False)
    parent = np.where(parent < 0, -1, parent).astype(np.int64)
    joint, radius, known = center.copy(), np.full(parts.count, 0.1), np.zeros(parts.count, bool)
    for part in order[1:]:
        points, weight = places[pair_of(part, parent[part])]
        middle = np.average(points, axis=0, weights=weight)
        at = armature.turning_point(part, int(parent[part]), middle) if armature else None
        joint[part], known[part] = middle if at is None else at, at is not None
        radius[part] = np.sqrt(np.average(((points - middle) ** 2).sum(axis=1), weights=weight))
    mass, inertia = _hanging(surface, parts, order, parent, joint)
    twin = armature.twin if armature and (armature.twin != np.arange(parts.count)).any() else None
    trunk = (armature.trunk, armature.head[armature.trunk]) if armature else None
    return Skeleton(parent, joint, radius, mass, inertia, _levels(order, parent), twin, known, trunk)


def _spanning_tree(surface: SurfaceGraph, parts: Parts, places: Places, armature: Armature | None, area: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of parts of the tree: those nearest in the armature, or else with most shared area.

    Parts that touch nothing are tied to the nearest (and added to `places`).
    """
    pairs = np.array(list(places), np.int64).reshape(-1, 2)
    cost = armature.cost(places) if armature else 1 / np.array([weight.sum() for _, weight in places.values()])
    tree = minimum_spanning_tree(coo_matrix((cost, (pairs[:, 0], pairs[:, 1])), shape=(parts.count,) * 2).tocsr())
    _, island = connected_components(tree, directed=False)
    row, column = tree.nonzero()
    links = [pair_of(a, b) for a, b in zip(row, column, strict=True)]
    main = island[area.argmax()]
    while (island != main).any():
        inside = np.flatnonzero(island[parts.label] == main)
        outside = np.flatnonzero(island[parts.label] != main)
        distance, nearest = cKDTree(surface.nodes[inside]).query(surface.nodes[outside])
        best = int(distance.argmin())
        ends = inside[nearest[best]], outside[best]
        link = pair_of(parts.label[ends[0]], parts.label[ends[1]])
        places[link] = (surface.nodes[list(ends)].mean(axis=0)[None], np.ones(1))
        links.append(link)
        island[island == island[parts.label[ends[1]]]] = main
    return links


def _hanging(surface: SurfaceGraph, parts: Parts, order: np.ndarray, parent: np.ndarray, joint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mass and inertia of what hangs on each joint, over the whole area."""
    below = np.eye(parts.count, dtype=bool)
    for part in order[:0:-1]:
        below[parent[part]] |= below[part]
    whole = surface.area.sum()
    mass, inertia = np.zeros(parts.count), np.zeros(parts.count)
    for part in range(parts.count):
        area = surface.area * below[part][parts.label]
        mass[part] = area.sum() / whole
        inertia[part] = (area * ((surface.nodes - joint[part]) ** 2).sum(axis=1)).sum() / whole
    return mass, inertia


def _levels(order: np.ndarray, parent: np.ndarray) -> tuple[np.ndarray, ...]:
    depth = np.zeros(len(parent), np.int64)
    for part in order[1:]:
        depth[part] = depth[parent[part]] + 1
    return tuple(np.flatnonzero(depth == level) for level in range(depth.max() + 1))
