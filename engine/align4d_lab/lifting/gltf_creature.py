"""A rigged and animated glTF file as a creature of the training pack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from align4d.inputs.gltf_file import GltfFile
from align4d.inputs.mesh_import import Y_UP

from ..evaluation.gltf_motion import Channel, MeshNode, Moment, parents_of, read_channels
from .pack import POINTS, POSE_RATE, Action, Creature

LONGEST_ACTION = 96
"""Poses of an action that are kept."""

SHORTEST_ACTION = 6
"""Actions with fewer poses are left out."""

LEAST_MOTION = 0.004
"""Actions in which no point ever moves farther than this are left out [longest sides]."""

LARGEST_ERROR = 0.01
"""Of the skinning against the file's own motion, in the mean over an action [longest sides]; actions beyond are left out."""

SAME_MOTION = 2e-3
"""Actions that differ by no more than this from one before are left out [longest sides]."""

CANDIDATES = 4096
"""Places from which those are chosen that spread evenly."""


def read_creature(path: Path, name: str, seed: int = 0) -> Creature:
    """The creature of a .glb or .gltf file with at most four bones a vertex; without shape keys.

    Raises:
        EngineError: "gltf_unreadable".
    """
    file = GltfFile(path)
    with file.reading():
        return _creature(_Rig(file), name, seed)


def _creature(rig: _Rig, name: str, seed: int) -> Creature:
    places = rig.draw(np.random.default_rng(seed))
    parents, bind = rig.tree()
    creature = Creature(name, places.points, places.normals, places.bones, places.weights, parents, bind, ())
    actions: list[Action] = []
    seen: list[np.ndarray] = []
    for animation in rig.file.items("animations"):
        poses, true = rig.play(read_channels(rig.file, animation), places)
        if len(poses) < SHORTEST_ACTION or np.linalg.norm(true - true[:1], axis=-1).max() < LEAST_MOTION:
            continue
        error = np.linalg.norm(skinned(creature, poses) - true, axis=-1).mean()
        if error > LARGEST_ERROR or any(one.shape == true.shape and np.abs(one - true).max() < SAME_MOTION for one in seen):
            continue
        actions.append(Action(str(animation.get("name", len(actions))), poses))
        seen.append(true)
    return replace(creature, actions=tuple(actions))


def skinned(creature: Creature, poses: np.ndarray) -> np.ndarray:
    """(T, POINTS, 3) of poses (T, K, 10)."""
    moved = _chain(creature.parents, poses) @ np.linalg.inv(_chain(creature.parents, creature.bind[None]))
    blended = np.einsum("pj,tpjab->tpab", creature.weights, moved[:, creature.bones])
    return np.einsum("tpab,pb->tpa", blended[..., :3, :3], creature.points) + blended[..., :3, 3]


@dataclass(frozen=True)
class _Places:
    """Attributes:
    vertices: (P, 3) corners of each point's triangle, of all meshes in one.
    shares: (P, 3) of the corners.
    points, normals, bones, weights: as in `Creature`.
    """

    vertices: np.ndarray
    shares: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    bones: np.ndarray
    weights: np.ndarray


class _Rig:
    """The nodes of a file as bones, in the creature's own space."""

    def __init__(self, file: GltfFile) -> None:
        self.file = file
        self.up = Y_UP[:3, :3]
        nodes = file.items("nodes")
        self.above = parents_of(file)
        self.parts = [MeshNode(file, index, node) for index, node in enumerate(nodes) if "mesh" in node]
        self.order = self._order(len(nodes))
        self.bind_world = self._bind_world()
        bound = np.concatenate([self._bound(part) for part in self.parts]) @ self.up.T
        low, high = bound.min(0), bound.max(0)
        self.scale = 1 / float((high - low).max())
        self.offset = -(low + high) / 2 * self.scale
        self.vertices = bound * self.scale + self.offset
        starts = np.cumsum([0, *(len(part.base) for part in self.parts)])
        self.triangles = np.concatenate([part.triangles + start for part, start in zip(self.parts, starts, strict=False)])

    def _order(self, count: int) -> list[int]:
        """Nodes, parents first."""
        depth = {}
        for node in range(count):
            at, steps = node, 0
            while at in self.above and steps <= count:
                at, steps = self.above[at], steps + 1
            depth[node] = steps
        return sorted(depth, key=lambda node: depth[node])

    def _bind_world(self) -> np.ndarray:
        """(N, 4, 4) of each node when the meshes are as they were bound: joints as their skins say, the rest as the file says."""
        default = Moment(self.file, self.above, [], 0.0).world
        bound: dict[int, np.ndarray] = {}
        for part in self.parts:
            if part.joints:
                common = default[part.joints[0]] @ part.inverse[0]
                bound |= {joint: common @ np.linalg.inv(inverse) for joint, inverse in zip(part.joints, part.inverse, strict=True)}
        world: dict[int, np.ndarray] = {}
        for node in self.order:
            above = self.above.get(node)
            local = default[node] if above is None else np.linalg.inv(default[above]) @ default[node]
            world[node] = bound.get(node, local if above is None else world[above] @ local)
        return np.stack([world[node] for node in range(len(world))])

    def _bound(self, part: MeshNode) -> np.ndarray:
        matrix = self.bind_world[part.joints[0]] @ part.inverse[0] if part.joints else self.bind_world[part.index]
        return part.base @ matrix[:3, :3].T + matrix[:3, 3]

    def tree(self) -> tuple[np.ndarray, np.ndarray]:
        """Parents (K,) and the bind pose (K, 10), bones in the order of `self.order`."""
        rank = {node: place for place, node in enumerate(self.order)}
        parents = np.array([rank[self.above[node]] if node in self.above else -1 for node in self.order])
        return parents, self._locals(self.bind_world[None])[0]

    def _locals(self, world: np.ndarray) -> np.ndarray:
        """(T, K, 10) of world matrices (T, N, 4, 4) in the file's axes; roots carry the way into the creature's space."""
        into = np.eye(4)
        into[:3, :3], into[:3, 3] = self.up * self.scale, self.offset
        above = [self.above.get(node) for node in self.order]
        bases = np.stack([np.broadcast_to(np.linalg.inv(into), world[:, 0].shape) if node is None else world[:, node] for node in above], 1)
        local = np.linalg.inv(bases) @ world[:, self.order]
        scale = np.linalg.norm(local[..., :3, :3], axis=-2)
        turn = Rotation.from_matrix((local[..., :3, :3] / scale[..., None, :]).reshape(-1, 3, 3)).as_quat().reshape(*scale.shape[:2], 4)
        return np.concatenate([turn[..., [3, 0, 1, 2]], local[..., :3, 3], scale], -1)

    def draw(self, random: np.random.Generator) -> _Places:
        """Points of the surface: half spread evenly, half from triangles of any size."""
        corners = self.vertices[self.triangles]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(cross, axis=1)
        solid = np.flatnonzero(area > 1e-12)
        many = random.choice(len(area), CANDIDATES, p=area / area.sum())
        many_shares = _uniform(random, CANDIDATES)
        even = _farthest(np.einsum("pc,pcd->pd", many_shares, corners[many]), POINTS // 2, random)
        any_size = random.choice(solid, POINTS - POINTS // 2, replace=len(solid) < POINTS // 2)
        triangle = np.concatenate([many[even], any_size])
        shares = np.concatenate([many_shares[even], random.dirichlet([3, 3, 3], len(any_size))])
        bones, weights = self._weights()
        vertices = self.triangles[triangle]
        merged = np.einsum("pc,pck->pk", shares, weights[vertices])
        most = np.argsort(-merged, axis=1)[:, :4]
        kept = np.take_along_axis(merged, most, 1)
        points = np.einsum("pc,pcd->pd", shares, corners[triangle])
        return _Places(vertices, shares, points, cross[triangle] / area[triangle, None], bones[most], kept / kept.sum(1, keepdims=True))

    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        """All bones (K,) and the weights (V, K) of each vertex."""
        rank = {node: place for place, node in enumerate(self.order)}
        rows = []
        for part in self.parts:
            weights = np.zeros((len(part.base), len(self.order)))
            if part.joints:
                columns = np.array([rank[joint] for joint in part.joints])[part.bones]
                np.add.at(weights, (np.arange(len(weights))[:, None], columns), part.shares)
            else:
                weights[:, rank[part.index]] = 1
            rows.append(weights)
        return np.arange(len(self.order)), np.concatenate(rows)

    def play(self, channels: list[Channel], places: _Places) -> tuple[np.ndarray, np.ndarray]:
        """Poses (T, K, 10) of an animation, and where its points truly are (T, P, 3)."""
        first, last = min(float(one.times[0]) for one in channels), max(float(one.times[-1]) for one in channels)
        count = min(round((last - first) * POSE_RATE) + 1, LONGEST_ACTION)
        moments = [Moment(self.file, self.above, channels, first + frame / POSE_RATE) for frame in range(count)]
        poses = self._locals(np.stack([[moment.world[node] for node in range(len(self.order))] for moment in moments]))
        true = []
        for moment in moments:
            vertices = np.concatenate([part.positions(moment) for part in self.parts]) @ self.up.T * self.scale + self.offset
            true.append(np.einsum("pc,pcd->pd", places.shares, vertices[places.vertices]))
        return poses, np.stack(true)


def _chain(parents: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """(T, K, 4, 4) world matrices of poses (T, K, 10)."""
    local = np.zeros((*poses.shape[:-1], 4, 4))
    turn = Rotation.from_quat(poses[..., [1, 2, 3, 0]].reshape(-1, 4)).as_matrix().reshape(*poses.shape[:-1], 3, 3)
    local[..., :3, :3] = turn * poses[..., None, 7:]
    local[..., :3, 3], local[..., 3, 3] = poses[..., 4:7], 1
    world = local.copy()
    for bone, parent in enumerate(parents):
        if parent >= 0:
            world[:, bone] = world[:, parent] @ local[:, bone]
    return world


def _uniform(random: np.random.Generator, count: int) -> np.ndarray:
    """(count, 3) places in a triangle, evenly."""
    first, second = random.random((2, count))
    root = np.sqrt(first)
    return np.stack([1 - root, root * (1 - second), root * second], axis=1)


def _farthest(points: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Indices of `count` points, each as far as can be from those before it."""
    chosen = [int(random.integers(len(points)))]
    distance = np.full(len(points), np.inf)
    for _ in range(count - 1):
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(1))
        chosen.append(int(distance.argmax()))
    return np.array(chosen)
