"""The artist's armature: which bones hang on each other, and where one turns against the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from .meeting_places import Places, pair_of
from .parts import Parts
from .sides import other_side
from .surface_graph import SurfaceGraph

FARTHER = 100.0
"""Of bones that meet, those that are one step farther from each other in the armature count as if they shared so many times less area."""
ASTRAY = 0.1
"""A bone begins at another part where it is no farther from it than this, or than twice as far as from any other part [longest sides]."""


@dataclass(frozen=True)
class Armature:
    """How the artist's bones hang together, of which each part is one.

    Attributes:
        head: (K, 3) where each bone begins: it turns about that.
        above: (K,) the part of the nearest bone above each, -1 for none.
        hops: (K, K) steps from each bone to each other, up and down the armature.
        twin: (K,) the part of the bone on the other side, itself where there is none.
        trunk: the part of the bone that most of the body hangs on.
    """

    head: np.ndarray
    above: np.ndarray
    hops: np.ndarray
    twin: np.ndarray
    trunk: int

    def apart(self, surface: SurfaceGraph, parts: Parts, places: Places) -> Places:
        """Of bones that hang on each other and do not meet: around where the lower one begins, as thick as the body is there.

        A bone that begins far from the one above it, as a foot does that inverse kinematics moves by itself, goes with what it meets.
        """
        nodes, found = [cKDTree(surface.nodes[parts.label == part]) for part in range(parts.count)], {}
        for part, above in enumerate(self.above.tolist()):
            if above >= 0 and pair_of(part, above) not in places:
                distance = np.array([one.query(self.head[part])[0] for one in nodes])
                if distance[above] < max(ASTRAY, 2 * np.delete(distance, part).min()):
                    thick = np.array([[distance.min(), 0, 0]])
                    found[pair_of(part, above)] = self.head[part] + np.concatenate([-thick, thick]), np.ones(2)
        return found

    def cost(self, places: Places) -> np.ndarray:
        """(P,) of joining each pair of parts that meet: less the nearer they are in the armature, and the more area they share there."""
        pairs = np.array(list(places), np.int64).reshape(-1, 2)
        middle = np.array([np.average(points, axis=0, weights=weight) for points, weight in places.values()]).reshape(-1, 3)
        shared = np.array([weight.sum() for _, weight in places.values()])
        cost = np.log(FARTHER) * self._steps(pairs[:, 0], pairs[:, 1], middle) - np.log(shared)  # as it is, no float holds many steps
        positive: np.ndarray = cost + 1 - cost.min(initial=0)
        return positive

    def _steps(self, part: np.ndarray, other: np.ndarray, middle: np.ndarray) -> np.ndarray:
        """(P,) from parts to others that meet around `middle` (P, 3): more between twins, and where neither bone begins near there."""
        away = np.linalg.norm(self.head[np.stack([part, other])] - middle, axis=-1).min(0)
        hung = (self.above[part] == other) | (self.above[other] == part)
        steps: np.ndarray = self.hops[part, other] + (self.twin[part] == other) + np.where((away > ASTRAY) & ~hung, len(self.head), 0)
        return steps

    def turning_point(self, part: int, other: int, middle: np.ndarray) -> np.ndarray | None:
        """(3,) about which two parts that meet around `middle` (3,) turn against each other: where the lower bone begins.

        Of bones that do not hang on each other, where the nearer one does; None where that is far from where they meet.
        """
        for lower, upper in ((part, other), (other, part)):
            if self.above[lower] == upper:
                return self.head[lower]
        heads = self.head[[part, other]]
        distance = np.linalg.norm(heads - middle, axis=1)
        return heads[distance.argmin()] if distance.min() < ASTRAY else None


def armature_of(bones: np.ndarray, area: np.ndarray, names: Sequence[str], head: np.ndarray, parent: np.ndarray) -> Armature:
    """How the bones of the parts hang together.

    Args:
        bones: (K,) of the parts, see `Parts`.
        area: (K,) of the parts.
        names: of all bones, with their armature's.
        head: (B, 3) where each bone begins, in the asset's space.
        parent: (B,) the bone above each, -1 for none.
    """
    hung = np.flatnonzero(parent >= 0)
    graph = coo_matrix((np.ones(len(hung)), (hung, parent[hung])), shape=(len(parent),) * 2)
    hops = dijkstra(graph, directed=False, unweighted=True, indices=bones)[:, bones]
    number, above = {int(bone): part for part, bone in enumerate(bones)}, np.full(len(bones), -1)
    carried = np.zeros(len(parent))
    for part, bone in enumerate(bones):
        carried[bone] += area[part]
        while (bone := int(parent[bone])) >= 0:
            carried[bone] += area[part]
            above[part] = number.get(bone, -1) if above[part] < 0 else above[part]
    return Armature(head[bones], above, np.minimum(hops, len(parent)), _twins([names[bone] for bone in bones]), int(carried[bones].argmax()))


def _twins(names: list[str]) -> np.ndarray:
    """(K,) the bone on the other side of each, by its name; itself where there is none."""
    number = {name: bone for bone, name in enumerate(names)}
    parted = [name.rpartition("/") for name in names]
    return np.array([number.get(rig + slash + other_side(bone), own) for own, (rig, slash, bone) in enumerate(parted)], np.int64)
