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

from .kinematics import Tree, build_tree, pose_tree
from .parts import Parts
from .surface_graph import SurfaceGraph

FARTHER = 100.0
"""Of bones that meet, those that are one step farther from each other in the armature count as if they shared so many times less area."""
ASTRAY = 0.1
"""A bone begins at another part where it is no farther from it than this, or than twice as far as from any other part [longest sides]."""
CONTACT_SHARE = 0.5
"""Shells that merely touch are held together by this much less than slices of one shell by the same area."""


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
    """

    parent: np.ndarray
    joint: np.ndarray
    radius: np.ndarray
    mass: np.ndarray
    inertia: np.ndarray
    levels: tuple[np.ndarray, ...]
    twin: np.ndarray | None = None

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


@dataclass(frozen=True)
class Armature:
    """How the artist's bones hang together, of which each part is one.

    Attributes:
        head: (K, 3) where each bone begins: it turns about that.
        above: (K,) the part of the nearest bone above each, -1 for none.
        hops: (K, K) steps from each bone to each other, up and down the armature.
        twin: (K,) the part of the bone on the other side, itself where there is none.
    """

    head: np.ndarray
    above: np.ndarray
    hops: np.ndarray
    twin: np.ndarray


def build_skeleton(surface: SurfaceGraph, parts: Parts, armature: Armature | None = None) -> Skeleton:
    """The tree that joins neighboring parts where they share most surface, rooted in the middle of the mass.

    Args:
        armature: where the parts are bones: those that are nearest to each other in it are joined, and turn where they begin.
    """
    places = _meeting_places(surface, parts)
    if armature is not None:
        places |= _apart(surface, parts, armature, places)
    area = np.bincount(parts.label, surface.area, parts.count)
    center = np.stack([np.bincount(parts.label, surface.area * surface.nodes[:, axis], parts.count) for axis in range(3)], axis=1) / area[:, None]
    joined = _spanning_tree(surface, parts, places, armature, area)
    rows, columns = np.array(joined, np.int64).reshape(-1, 2).T
    length = np.linalg.norm(center[rows] - center[columns], axis=1) + 1e-3
    graph = coo_matrix((length, (rows, columns)), shape=(parts.count,) * 2).tocsr()
    root = int((dijkstra(graph, directed=False) * area).sum(axis=1).argmin())
    order, parent = breadth_first_order(graph, root, directed=False)
    parent = np.where(parent < 0, -1, parent).astype(np.int64)
    joint, radius = center.copy(), np.full(parts.count, 0.1)
    for part in order[1:]:
        points, weight = places[pair_of(part, parent[part])]
        middle = np.average(points, axis=0, weights=weight)
        joint[part] = middle if armature is None else _turning_point(armature, part, int(parent[part]), middle)
        radius[part] = np.sqrt(np.average(((points - middle) ** 2).sum(axis=1), weights=weight))
    mass, inertia = _hanging(surface, parts, order, parent, joint)
    named = armature is not None and bool((armature.twin != np.arange(parts.count)).any())
    return Skeleton(parent, joint, radius, mass, inertia, _levels(order, parent), armature.twin if armature is not None and named else None)


Places = dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]


def pair_of(part: int, other: int) -> tuple[int, int]:
    """Two parts as a pair, whichever comes first."""
    return (int(min(part, other)), int(max(part, other)))


def _meeting_places(surface: SurfaceGraph, parts: Parts) -> Places:
    """For each pair of neighboring parts: points where they meet (P, 3) and the area that each stands for (P,)."""
    graph = surface.graph.tocoo()
    inner = parts.label[graph.row] < parts.label[graph.col]
    row, column = graph.row[inner], graph.col[inner]
    touching = np.concatenate([parts.contacts, parts.contacts[:, ::-1]])
    touching = touching[parts.label[touching[:, 0]] != parts.label[touching[:, 1]]]
    node, other = np.unique(np.stack([touching[:, 0], parts.label[touching[:, 1]]], axis=1), axis=0).T
    first = np.concatenate([parts.label[row], parts.label[node]])
    second = np.concatenate([parts.label[column], other])
    points = np.concatenate([(surface.nodes[row] + surface.nodes[column]) / 2, surface.nodes[node]])
    weight = np.concatenate([np.minimum(surface.area[row], surface.area[column]), CONTACT_SHARE * surface.area[node]]) + 1e-12
    pair = np.minimum(first, second) * parts.count + np.maximum(first, second)
    order = np.argsort(pair, kind="stable")
    unique, start = np.unique(pair[order], return_index=True)
    pieces = np.split(order, start)[1:]
    return {pair_of(int(one) // parts.count, int(one) % parts.count): (points[i], weight[i]) for one, i in zip(unique, pieces, strict=True)}


def _apart(surface: SurfaceGraph, parts: Parts, armature: Armature, places: Places) -> Places:
    """Of bones that hang on each other and do not meet: around where the lower one begins, as thick as the body is there.

    A bone that begins far from the one above it, as a foot does that inverse kinematics moves by itself, goes with what it meets.
    """
    nodes, found = [cKDTree(surface.nodes[parts.label == part]) for part in range(parts.count)], {}
    for part, above in enumerate(armature.above.tolist()):
        if above >= 0 and pair_of(part, above) not in places:
            distance = np.array([one.query(armature.head[part])[0] for one in nodes])
            if distance[above] < max(ASTRAY, 2 * np.delete(distance, part).min()):
                thick = np.array([[distance.min(), 0, 0]])
                found[pair_of(part, above)] = armature.head[part] + np.concatenate([-thick, thick]), np.ones(2)
    return found


def _turning_point(armature: Armature, part: int, other: int, middle: np.ndarray) -> np.ndarray:
    """(3,) about which two parts that meet around `middle` (3,) turn against each other: where the lower bone begins.

    Of bones that do not hang on each other, where the nearer one does; `middle` where that is far from it.
    """
    for lower, upper in ((part, other), (other, part)):
        if armature.above[lower] == upper:
            return armature.head[lower]
    heads = armature.head[[part, other]]
    distance = np.linalg.norm(heads - middle, axis=1)
    return heads[distance.argmin()] if distance.min() < ASTRAY else middle


def _steps(armature: Armature, part: np.ndarray, other: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """(P,) from parts to others that meet around `middle` (P, 3): more between twins, and where neither bone begins near there."""
    away = np.linalg.norm(armature.head[np.stack([part, other])] - middle, axis=-1).min(0)
    hung = (armature.above[part] == other) | (armature.above[other] == part)
    return armature.hops[part, other] + (armature.twin[part] == other) + np.where((away > ASTRAY) & ~hung, len(armature.head), 0)


def _spanning_tree(surface: SurfaceGraph, parts: Parts, places: Places, armature: Armature | None, area: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of parts of the tree: those nearest in the armature, or else with most shared area.

    Parts that touch nothing are tied to the nearest (and added to `places`).
    """
    pairs = np.array(list(places), np.int64).reshape(-1, 2)
    shared = np.array([weight.sum() for _, weight in places.values()])
    cost = 1 / shared
    if armature is not None:
        middle = np.array([np.average(points, axis=0, weights=weight) for points, weight in places.values()]).reshape(-1, 3)
        cost = np.log(FARTHER) * _steps(armature, pairs[:, 0], pairs[:, 1], middle) - np.log(shared)  # as it is, no float holds many steps
        cost += 1 - cost.min(initial=0)
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
