"""The poses of an armature for a motion: read the rig and its meshes, and solve for where the meshes are to stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..capture.bone_weights import group_weights
from ..capture.slices import whole
from ..errors import UserError
from . import contacts
from .carrying import rest_world
from .pose_solver import Rig, Skinned, solve_poses, spread


@dataclass(frozen=True)
class Standing:
    """A bone that stands on the ground from one frame of the motion to another, both included, counted from 0."""

    bone: str
    first: int
    last: int


@dataclass(frozen=True)
class KeyedMesh:
    """A mesh that hangs on an armature, and its motion.

    Attributes:
        item: the object.
        world: where it is while its motion plays.
        vertices: (V, 3) of the artist's own mesh without any modifier, object space.
        motion: (T, V, 3) where the vertices are shown, object space.
    """

    item: bpy.types.Object
    world: Matrix
    vertices: np.ndarray
    motion: np.ndarray


@dataclass(frozen=True)
class Joined:
    """All meshes of an armature, in its space.

    Attributes:
        skinned: rest positions, with weights in the order of the armature's bones.
        targets: (T, V, 3) where the vertices are shown.
    """

    skinned: Skinned
    targets: np.ndarray

    @property
    def some(self) -> Joined:
        """Some of the vertices, all over the meshes."""
        chosen = spread(self.skinned.weights)
        return Joined(Skinned(self.skinned.vertices[chosen], self.skinned.weights[chosen]), self.targets[:, chosen])


def hold(rig: bpy.types.Object, joined: Joined, standing: Sequence[Standing]) -> tuple[Joined, np.ndarray | None]:
    """The meshes with what `standing` names held still, and how much each vertex counts then (T, V); None for all the same."""
    if not standing:
        return joined, None
    targets, emphasis = contacts.held(joined.targets, _contacts(rig, joined.skinned, joined.targets, standing))
    return Joined(joined.skinned, targets), emphasis


def solve(rig: bpy.types.Object, joined: Joined, emphasis: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """The pose (K, 4, 4) of the armature's bones in each frame of the motion, armature space, in the order of `rig.data.bones`.

    Nothing of Blender's is touched once this has returned.
    """
    return solve_poses(read_rig(rig, joined.skinned.weights), joined.skinned, joined.targets, emphasis)


def find_standing(rig: bpy.types.Object, joined: Joined) -> list[Standing]:
    """Which bones stand on the ground, and when."""
    names = [bone.name for bone in cast(bpy.types.Armature, rig.data).bones]
    found = contacts.find_contacts(joined.targets, contacts.owners(joined.skinned.weights), _up(rig))
    return [Standing(names[one.bone], one.first, one.last) for one in found]


def _contacts(rig: bpy.types.Object, skinned: Skinned, targets: np.ndarray, standing: Sequence[Standing]) -> list[contacts.Contact]:
    """The vertices that stand, of each bone that is still there."""
    names, owner, up = [bone.name for bone in cast(bpy.types.Armature, rig.data).bones], contacts.owners(skinned.weights), _up(rig)
    known = [(names.index(one.bone), one) for one in standing if one.bone in names]
    found = [contacts.contact_of(targets, owner, up, bone, one.first, one.last) for bone, one in known]
    return [one for one in found if len(one.points)]


def _up(rig: bpy.types.Object) -> np.ndarray:
    """(3,) away from the ground, in the armature's space."""
    up = np.array(rest_world(rig).inverted().to_3x3() @ Vector((0, 0, 1)))
    return cast(np.ndarray, up / np.linalg.norm(up))


def read_rig(rig: bpy.types.Object, weights: np.ndarray) -> Rig:
    """The armature's bones as the solver sees them; `weights` (V, K) of all vertices say which of them may move.

    A bone that moves no vertex keeps its place against its parent, except the topmost one above those that do.
    """
    bones = list(cast(bpy.types.Armature, rig.data).bones)
    number = {bone.name: index for index, bone in enumerate(bones)}
    parent = np.array([number[bone.parent.name] if bone.parent else -1 for bone in bones])
    rest = np.array([bone.matrix_local for bone in bones], np.float64)
    own = weights.sum(0) > 1e-6
    carrying = own.copy()
    for index in range(len(bones) - 1, 0, -1):
        if parent[index] >= 0:
            carrying[parent[index]] |= carrying[index]
    top = np.array([carrying[index] and parent[index] < 0 for index in range(len(bones))])
    moving = own | top
    locked = np.array([all(rig.pose.bones[bone.name].lock_location) for bone in bones])
    free = moving & ~locked & np.array([bone.parent is None or not bone.use_connect for bone in bones])
    return Rig(parent, rest, free, moving)


def join(rig: bpy.types.Object, meshes: Sequence[KeyedMesh]) -> Joined:
    """All meshes of an armature as one. Raises UserError where no bone moves any of them."""
    names = [bone.name for bone in cast(bpy.types.Armature, rig.data).bones]
    vertices, weights, targets = [], [], []
    for mesh in meshes:
        matrix = np.array(rest_world(rig).inverted() @ mesh.world)
        vertices.append(mesh.vertices @ matrix[:3, :3].T + matrix[:3, 3])
        targets.append(mesh.motion @ matrix[:3, :3].T + matrix[:3, 3])
        weights.append(_weights(mesh.item, rig, names))
    skinned = Skinned(np.concatenate(vertices), np.concatenate(weights))
    if not skinned.weights.any():
        raise UserError("no_weights", f"No bone of {rig.name} moves a vertex of the mesh.", "Give the mesh vertex groups named like the bones.")
    return Joined(skinned, np.concatenate(targets, axis=1))


def _weights(item: bpy.types.Object, rig: bpy.types.Object, names: Sequence[str]) -> np.ndarray:
    """(V, K) of the deforming bones, rows normalized as the Armature modifier does."""
    groups = [group.name for group in item.vertex_groups if group.name in names and rig.data.bones[group.name].use_deform]
    weights = np.zeros((len(item.data.vertices), len(names)))
    for group, (there, values) in zip(groups, whole(group_weights(cast(bpy.types.Mesh, item.data), groups)), strict=True):
        weights[there, names.index(group)] = values
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)
