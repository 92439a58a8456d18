"""The poses of armatures for motions in files, solved a slice at a time, so that the window is not held."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix

from ..capture.armatures import armature_of
from ..capture.rest_shape import base_shape
from ..capture.slices import Fractions
from ..errors import UserError
from .carrying import rest_world
from .control_rig import is_rigify
from .motion_file import read_motion
from .rig_poses import Joined, KeyedMesh, Standing, find_standing, hold, join, solve


@dataclass(frozen=True)
class Moved:
    """An object whose motion is in a file.

    Attributes:
        item: the object.
        motion: the file that says where its vertices are shown.
        after: the modifier that the motion comes after, if any.
        world: where the object is while the motion plays, but for keyframes of ours that move its armature object.
    """

    item: bpy.types.Object
    motion: Path
    after: str
    world: Matrix


class Solving:
    """Reads meshes and armatures at once and keeps nothing of Blender's while it solves: an undo in between does no harm."""

    def __init__(self, moved: Iterable[Moved]) -> None:
        """Reads what `step` needs; objects without an armature are left out. Raises UserError."""
        self._meshes: dict[bpy.types.Object, list[KeyedMesh]] = {}
        self._left: list[tuple[str, Iterator[np.ndarray]]] = []
        self._later: dict[str, Iterator[np.ndarray]] = {}  # of rigs whose controls take the keys, as far as these can
        self._rigs: dict[str, tuple[list[str], Matrix]] = {}
        self._surfaces: dict[str, Joined] = {}
        self._frames: list[np.ndarray] = []
        self._poses: dict[str, np.ndarray] = {}
        self._total = 0
        scene = bpy.context.scene
        for one in moved:
            if rig := armature_of(one.item):
                _check(rig)
                rest = base_shape(one.item, (scene.frame_current, scene.frame_subframe))
                motion = read_motion(one.item, one.motion, one.after)
                self._meshes.setdefault(rig, []).append(KeyedMesh(one.item, one.world, rest, motion))

    def find_standing(self) -> list[Standing]:
        """Which bones stand on the ground, and when. Before `begin`. Raises UserError."""
        return [one for rig, meshes in self._meshes.items() for one in find_standing(rig, join(rig, meshes))]

    def begin(self, standing: Sequence[Standing] = ()) -> None:
        """Makes ready for `step`; what is `standing` is held still. Raises UserError where no bone of an armature moves its meshes."""
        for rig, meshes in self._meshes.items():
            joined, emphasis = hold(rig, join(rig, meshes), standing)
            frames = solve(rig, joined, emphasis)
            if is_rigify(rig):
                self._later[rig.name_full] = frames
            else:
                self._left.append((rig.name_full, frames))
                self._total += len(meshes[0].motion)
            self._surfaces[rig.name_full] = joined.some
            self._rigs[rig.name_full] = _bones(rig), rest_world(rig)
        self._meshes.clear()

    def step(self, seconds: float) -> bool:
        """Goes on for about so many seconds, and at least a frame. Returns whether nothing is left to do."""
        until = time.monotonic() + seconds
        while self._left:
            rig, frames = self._left[0]
            pose = next(frames, None)
            if pose is not None:
                self._frames.append(pose)
            else:
                self._poses[rig] = np.stack(self._frames)
                self._left.pop(0)
                self._frames = []
            if time.monotonic() >= until:
                break
        return not self._left

    @property
    def fraction(self) -> float:
        """How much is done."""
        return (sum(map(len, self._poses.values())) + len(self._frames)) / max(self._total, 1)

    def knows(self, rig: bpy.types.Object) -> bool:
        """Whether an armature was solved for, and has the same bones still."""
        return rig.name_full in self._rigs and self._rigs[rig.name_full][0] == _bones(rig)

    def surface_of(self, rig: bpy.types.Object) -> Joined:
        """Some vertices that the armature moves, and where they should be. Raises KeyError where it was not solved for."""
        some, moved = self._surfaces[rig.name_full], self._moved(rig)
        return Joined(some.skinned, some.targets @ moved[:3, :3].T + moved[:3, 3])

    def poses_of(self, rig: bpy.types.Object) -> Fractions[np.ndarray]:
        """(T, K, 4, 4) of an armature that it knows; those of a rig with controls are solved only now."""
        if frames := self._later.pop(rig.name_full, None):
            count, found = len(self._surfaces[rig.name_full].targets), []
            for pose in frames:
                found.append(pose)
                yield len(found) / count
            self._poses[rig.name_full] = np.stack(found)
        poses: np.ndarray = self._moved(rig) @ self._poses[rig.name_full]
        return poses

    def _moved(self, rig: bpy.types.Object) -> np.ndarray:
        """(4, 4) from the armature's space as it was into that of now: it may have moved meanwhile."""
        return np.array(rest_world(rig).inverted() @ self._rigs[rig.name_full][1])


def _bones(rig: bpy.types.Object) -> list[str]:
    return [bone.name for bone in cast(bpy.types.Armature, rig.data).bones]


def _check(rig: bpy.types.Object) -> None:
    """Raises UserError where an armature cannot take keyframes."""
    if not rig.is_editable:
        message = f"The armature {rig.name} is linked from another file."
        raise UserError("linked_armature", message, "Select it and use Object > Library Override > Make, or keep the point cache.")
    carrier = rig
    while carrier:
        if any(not one.mute for one in carrier.constraints) or (carrier != rig and carrier.animation_data):
            message = f"The armature {rig.name} is carried along by {carrier.name}, which moves."
            raise UserError("carried_armature", message, "Keep the point cache, or let the armature stand still.")
        carrier = carrier.parent
