"""A motion as keyframes on an armature: read the rig, solve its poses for where the meshes stand, write an action, take it away again.

Nothing of the artist's is overwritten: the action that the armature had goes to a muted NLA track, other tracks are muted, and
`remove` brings all of it back, with the pose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

from .. import compat
from ..errors import UserError
from . import contacts, key_cleanup
from .key_cleanup import Cleanup
from .pose_solver import Rig, Skinned, solve_poses

TRACK = "Align4D: before"
"""Name of the muted NLA track that holds the action which the armature had."""


@dataclass(frozen=True)
class KeyedMesh:
    """A mesh that hangs on an armature, and its motion.

    Attributes:
        item: the object.
        vertices: (V, 3) of the artist's own mesh without any modifier, object space.
        motion: (T, V, 3) where the vertices are shown, object space.
    """

    item: bpy.types.Object
    vertices: np.ndarray
    motion: np.ndarray


def armature_of(item: bpy.types.Object) -> bpy.types.Object | None:
    """The armature that deforms a mesh by its vertex groups; None where there is none."""
    for modifier in item.modifiers:
        if isinstance(modifier, bpy.types.ArmatureModifier) and modifier.object and modifier.use_vertex_groups:
            return modifier.object
    if item.parent and item.parent.type == "ARMATURE" and item.parent_type == "ARMATURE":
        return item.parent
    return None


def constrained_bones(rig: bpy.types.Object) -> list[str]:
    """Deforming bones, or bones above one, that a constraint or a driver moves: keys on them would not be what is seen."""
    driven = {path for path in _driven_paths(rig)}
    names = set()
    for bone in rig.pose.bones:
        if not bone.bone.use_deform:
            continue
        for one in (bone, *bone.parent_recursive):
            if any(not constraint.mute and constraint.influence > 0 for constraint in one.constraints) or one.path_from_id() in driven:
                names.add(one.name)
    return sorted(names)


def solve(rig: bpy.types.Object, meshes: Sequence[KeyedMesh], hold_contacts: bool = False) -> Iterator[np.ndarray]:
    """The pose (K, 4, 4) of the armature's bones in each frame of the motion, armature space, in the order of `rig.data.bones`.

    With `hold_contacts` what stands on the ground stands still. Raises UserError where no bone moves any of the meshes.
    """
    bones = list(cast(bpy.types.Armature, rig.data).bones)
    skinned, targets = _joined(rig, meshes, [bone.name for bone in bones])
    if not skinned.weights.any():
        raise UserError("no_weights", f"No bone of {rig.name} moves a vertex of the mesh.", "Give the mesh vertex groups named like the bones.")
    emphasis = None
    if hold_contacts:
        owner = np.where(skinned.weights.sum(1) > 0, skinned.weights.argmax(1), -1)
        up = np.array(rig.matrix_world.inverted().to_3x3() @ Vector((0, 0, 1)))
        targets, emphasis = contacts.held(targets, contacts.find_contacts(targets, owner, up / np.linalg.norm(up)))
    return solve_poses(read_rig(rig, skinned.weights), skinned, targets, emphasis)


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


def write_keys(
    rig: bpy.types.Object,
    name: str,
    poses: np.ndarray,
    frames: Sequence[float],
    times: tuple[float, float] = (1.0, 1.0),
    cleanup: Cleanup | None = None,
) -> bpy.types.Action:
    """Puts the poses (T, K, 4, 4) as keyframes on the armature, at the scene's `frames` (T,), in an action of their own.

    Rotation in each bone's own mode, location for bones that are free to move; bones that stay get no keys.
    `times` are start and rate of the playback, from which `retime` goes on; `cleanup` says what else is done to them.
    """
    cleanup = cleanup or Cleanup()
    _set_aside(rig, times)
    action = bpy.data.actions.new(name)
    writer = _Writer(compat.new_curves(action, rig), frames)
    bones = list(cast(bpy.types.Armature, rig.data).bones)
    number = {bone.name: index for index, bone in enumerate(bones)}
    size = max(float(np.ptp(np.array([bone.tail_local for bone in bones]), axis=0).max()), 1e-9)
    for index, bone in enumerate(bones):
        pose_bone = rig.pose.bones[bone.name]
        above = [pose[number[bone.parent.name]] for pose in poses] if bone.parent else [None] * len(poses)
        local = [_basis(bone, pose[index], parent) for pose, parent in zip(poses, above, strict=True)]
        if _still(local):
            continue
        turns, places = _cleaned(rig, bone, local, cleanup)
        reach = max([bone.length, *((child.tail_local - bone.head_local).length for child in bone.children_recursive)])
        allowed = cleanup.tolerance * size / 2
        kept = key_cleanup.kept_keys(turns, allowed / reach / 2)  # a quaternion turns by half of the angle
        path, values = _in_mode(pose_bone, turns)
        writer.fill(f"{pose_bone.path_from_id()}.{path}", bone.name, values, kept)
        if (bone.parent is None or not bone.use_connect) and np.abs(places).max() > 1e-6:
            writer.fill(f"{pose_bone.path_from_id()}.location", bone.name, places, key_cleanup.kept_keys(places, allowed))
    return action


def _cleaned(rig: bpy.types.Object, bone: bpy.types.Bone, local: Sequence[Matrix], cleanup: Cleanup) -> tuple[np.ndarray, np.ndarray]:
    """A bone's turns (T, 4) and places (T, 3), after what `cleanup` asks for."""
    turns = key_cleanup.same_signs(np.array([matrix.to_quaternion() for matrix in local]))
    places = np.array([matrix.translation for matrix in local])
    if cleanup.in_place and bone.parent is None:
        down = np.array((rig.matrix_world.to_3x3() @ bone.matrix_local.to_3x3()).inverted() @ Vector((0, 0, 1)))
        down /= np.linalg.norm(down)
        places = places[0] + ((places - places[0]) @ down)[:, None] * down
    if cleanup.loop:
        turns, places = key_cleanup.looped(turns), key_cleanup.looped(places)
    turns, places = (key_cleanup.smoothed(values, cleanup.smooth) for values in (turns, places))
    return key_cleanup.normalized(turns), places


def remove(rig: bpy.types.Object) -> None:
    """Takes the keyframes away and brings back what the armature did before."""
    kept = json.loads(rig.align4d.set_aside or "{}")
    if not kept:
        return
    data = rig.animation_data
    made = data.action
    track = next((one for one in data.nla_tracks if one.name == TRACK), None)
    data.action = None
    if track:
        strip = track.strips[0]
        data.action = strip.action
        compat.use_slot_of(data, strip)
        data.nla_tracks.remove(track)
    for other in data.nla_tracks:
        if other.name in kept["tracks"]:
            other.mute = False
    for bone in rig.pose.bones:
        if bone.name in kept["pose"]:
            bone.matrix_basis = Matrix(np.array(kept["pose"][bone.name]).reshape(4, 4).tolist())
    if made and made.users == 0:
        bpy.data.actions.remove(made)
    rig.align4d.set_aside = ""


def retime(rig: bpy.types.Object, times: tuple[float, float]) -> None:
    """Moves all keys to another start and rate of the playback; keys that the artist has added or moved go with them."""
    kept = json.loads(rig.align4d.set_aside or "{}")
    if not kept or tuple(kept["times"]) == times:
        return
    (old_start, old_rate), (start, rate) = kept["times"], times
    for curve in compat.fcurves(rig):
        for point in curve.keyframe_points:
            for place in (point.co, point.handle_left, point.handle_right):
                place.x = start + (place.x - old_start) * old_rate / rate
        curve.update()
    rig.align4d.set_aside = json.dumps({**kept, "times": times})


def delete_armature(rig: bpy.types.Object) -> None:
    """Deletes an armature of ours, with its data, and its action where nothing else uses that."""
    action = rig.animation_data.action if rig.animation_data else None
    data = cast(bpy.types.Armature, rig.data)
    bpy.data.objects.remove(rig)
    bpy.data.armatures.remove(data)
    if action and action.users == 0:
        bpy.data.actions.remove(action)


def is_keyed(rig: bpy.types.Object) -> bool:
    """Whether the armature plays keyframes of ours."""
    return bool(rig.align4d.set_aside)


def _set_aside(rig: bpy.types.Object, times: tuple[float, float]) -> None:
    """Mutes what the armature plays, so that the new action is alone; `remove` finds it again."""
    if is_keyed(rig):
        remove(rig)
    data = rig.animation_data or rig.animation_data_create()
    playing = [track.name for track in data.nla_tracks if not track.mute]
    pose = {bone.name: [value for row in bone.matrix_basis for value in row] for bone in rig.pose.bones}
    for name in playing:
        data.nla_tracks[name].mute = True
    if data.action:
        track = data.nla_tracks.new()
        track.name = TRACK
        strip = track.strips.new(data.action.name, int(data.action.frame_range[0]), data.action)
        compat.keep_slot(data, strip)
        track.mute = True
        data.action = None
    rig.align4d.set_aside = json.dumps({"tracks": playing, "pose": pose, "times": times})


def _joined(rig: bpy.types.Object, meshes: Sequence[KeyedMesh], names: Sequence[str]) -> tuple[Skinned, np.ndarray]:
    """All meshes as one, in the armature's space: rest positions with weights, and positions per frame."""
    vertices, weights, targets = [], [], []
    for mesh in meshes:
        matrix = np.array(rig.matrix_world.inverted() @ mesh.item.matrix_world)
        vertices.append(mesh.vertices @ matrix[:3, :3].T + matrix[:3, 3])
        targets.append(mesh.motion @ matrix[:3, :3].T + matrix[:3, 3])
        weights.append(_weights(mesh.item, rig, names))
    return Skinned(np.concatenate(vertices), np.concatenate(weights)), np.concatenate(targets, axis=1)


def _weights(item: bpy.types.Object, rig: bpy.types.Object, names: Sequence[str]) -> np.ndarray:
    """(V, K) of the deforming bones, rows normalized as the Armature modifier does."""
    column = {name: index for index, name in enumerate(names) if rig.data.bones[name].use_deform}
    group = {one.index: column[one.name] for one in item.vertex_groups if one.name in column}
    weights = np.zeros((len(item.data.vertices), len(names)))
    for vertex in item.data.vertices:
        for entry in vertex.groups:
            if entry.group in group:
                weights[vertex.index, group[entry.group]] += entry.weight
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)


def _basis(bone: bpy.types.Bone, pose: np.ndarray, parent: np.ndarray | None) -> Matrix:
    """A bone's own channels for a pose (4, 4) in the armature's space, whatever it inherits of its parent's rotation and scale."""
    matrix = Matrix(pose.tolist())
    if parent is None:
        return bone.convert_local_to_pose(matrix, bone.matrix_local, invert=True)
    above = {"parent_matrix": Matrix(parent.tolist()), "parent_matrix_local": bone.parent.matrix_local}
    return bone.convert_local_to_pose(matrix, bone.matrix_local, **above, invert=True)


def _still(local: Sequence[Matrix]) -> bool:
    """Whether a bone stands in its rest position in every frame."""
    return bool(np.abs(np.array(local) - np.eye(4)).max() < 1e-6)


def _in_mode(bone: bpy.types.PoseBone, turns: np.ndarray) -> tuple[str, np.ndarray]:
    """The property of the bone's rotation mode, and its values (T, 3 or 4) for quaternions (T, 4); Eulers do not jump."""
    if bone.rotation_mode == "QUATERNION":
        return "rotation_quaternion", turns
    quaternions = [Quaternion(turn) for turn in turns]
    if bone.rotation_mode == "AXIS_ANGLE":
        return "rotation_axis_angle", np.array([_axis_angle(turn) for turn in quaternions])
    eulers = [quaternions[0].to_euler(bone.rotation_mode)]
    for turn in quaternions[1:]:
        eulers.append(turn.to_euler(bone.rotation_mode, eulers[-1]))
    return "rotation_euler", np.array(eulers)


def _axis_angle(turn: Quaternion) -> tuple[float, ...]:
    axis, angle = turn.to_axis_angle()
    return angle, axis.x, axis.y, axis.z


class _Writer:
    """Fills curves of one action at the same, evenly spaced frames."""

    def __init__(self, curves: compat.Curves, frames: Sequence[float]) -> None:
        self.curves, self.frames = curves, np.asarray(frames, np.float64)
        self.step = float(self.frames[1] - self.frames[0]) if len(frames) > 1 else 1.0

    def fill(self, path: str, group: str, values: np.ndarray, kept: np.ndarray) -> None:
        """A curve for each column of `values` (T, C), with keys at the rows `kept` and the slopes of `values` there."""
        slope = key_cleanup.slopes(values) / self.step
        frames = self.frames[kept]
        third = np.diff(frames, prepend=frames[0] - self.step, append=frames[-1] + self.step) / 3
        for column in range(values.shape[1]):
            curve = self.curves.new(path, column, group)
            curve.keyframe_points.add(len(kept))
            height, rise = values[kept, column], slope[kept, column]
            for name, x, y in (
                ("co", frames, height),
                ("handle_left", frames - third[:-1], height - rise * third[:-1]),
                ("handle_right", frames + third[1:], height + rise * third[1:]),
            ):
                curve.keyframe_points.foreach_set(name, np.stack([x, y], axis=1).astype(np.float32).ravel())
            for point in curve.keyframe_points:
                point.interpolation, point.handle_left_type, point.handle_right_type = "BEZIER", "ALIGNED", "ALIGNED"
            curve.update()


def _driven_paths(rig: bpy.types.Object) -> Iterator[str]:
    """Paths of the pose bones that a driver moves."""
    for curve in rig.animation_data.drivers if rig.animation_data else ():
        if curve.data_path.startswith('pose.bones["') and not curve.mute:
            yield curve.data_path.rpartition(".")[0]
