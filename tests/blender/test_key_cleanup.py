"""What is done to keyframes: smoother, fewer, standing, in place, in a loop; each measured where an artist would see it."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from scenes import evaluated, local
from test_armature_action import FRAMES, add_limb, forget, shown
from test_keyframes import generate_limb


def count_keys(blender: ModuleType, rig: bpy.types.Object) -> int:
    return sum(len(curve.keyframe_points) for curve in blender.align4d_blender.compat.fcurves(rig))


def longest(count: int = 48) -> np.ndarray:
    """A smooth motion of many frames of one bone's turns (T, 4)."""
    angle = 0.6 * np.sin(np.linspace(0, 4 * np.pi, count))
    return np.stack([np.cos(angle / 2), np.sin(angle / 2), 0 * angle, 0 * angle], axis=1)


def test_smoothing_shifts_nothing_and_keeps_the_ends(blender: ModuleType) -> None:
    cleanup = blender.align4d_blender.result.key_cleanup
    line = np.linspace(0, 5, 20)[:, None] * np.array([1.0, -2.0])
    np.testing.assert_allclose(cleanup.smoothed(line, 2.0), line, atol=1e-9)
    noise = np.random.default_rng(0).normal(0, 0.1, line.shape)
    assert np.abs(cleanup.smoothed(line + noise, 2.0) - line)[4:-4].std() < 0.5 * noise.std()


def test_a_loop_ends_where_it_begins_and_keeps_its_start(blender: ModuleType) -> None:
    cleanup = blender.align4d_blender.result.key_cleanup
    walk = np.random.default_rng(1).normal(size=(24, 4)).cumsum(0)
    loop = cleanup.looped(walk)
    np.testing.assert_allclose(loop[-1], loop[0])
    np.testing.assert_array_equal(loop[:16], walk[:16])
    assert np.abs(loop[-1] - loop[-2]).max() <= np.abs(np.diff(loop, axis=0)).max()


def test_the_best_place_for_a_loop_is_where_the_first_pose_comes_back(blender: ModuleType) -> None:
    poses = np.tile(np.eye(4), (40, 2, 1, 1))
    angle = 2 * np.pi * np.arange(40) / 30
    poses[:, 1, 0, 0], poses[:, 1, 0, 1] = np.cos(angle), -np.sin(angle)
    poses[:, 1, 1, 0], poses[:, 1, 1, 1] = np.sin(angle), np.cos(angle)
    assert blender.align4d_blender.result.key_cleanup.best_loop(poses) == 30


def test_curves_between_kept_keys_are_within_the_tolerance(blender: ModuleType) -> None:
    cleanup = blender.align4d_blender.result.key_cleanup
    turns = longest()
    slope, kept = cleanup.slopes(turns), cleanup.kept_keys(turns, 0.01)
    for first, last in itertools.pairwise(kept):
        assert np.linalg.norm(cleanup.between(turns, slope, first, last) - turns[first + 1 : last], axis=1).max(initial=0) <= 0.01
    assert len(kept) < len(turns) / 3
    assert len(cleanup.kept_keys(turns, 0.0)) == len(turns)


def test_fewer_keys_show_nearly_the_same(blender: ModuleType) -> None:
    """At 0.2 % of the size at most a third of the keys is left of a smooth motion."""
    item, rig = add_limb()
    bpy.context.scene.frame_set(1)
    frames = range(1, 49)
    for frame in frames:
        for index, bone in enumerate(rig.pose.bones):
            bone.rotation_quaternion = (1, 0.2 * np.sin(frame / 6 + index), 0.1 * np.sin(frame / 9), 0)
            bone.rotation_quaternion.normalize()
            bone.keyframe_insert("rotation_quaternion", frame=frame)
    motion = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        motion.append(evaluated(item))
    forget(rig)
    result = blender.align4d_blender.result
    poses = np.stack(list(result.armature_action.solve(rig, [result.armature_action.KeyedMesh(item, local(item), np.stack(motion))])))
    result.armature_action.write_keys(rig, "All", poses, list(frames))
    every = count_keys(blender, rig)
    result.armature_action.write_keys(rig, "Few", poses, list(frames), cleanup=result.key_cleanup.Cleanup(tolerance=0.002))
    assert count_keys(blender, rig) <= 0.35 * every
    errors = []
    for frame, expected in zip(frames, motion, strict=True):
        bpy.context.scene.frame_set(frame)
        errors.append(np.linalg.norm(evaluated(item) - expected, axis=1).mean())
    assert np.mean(errors) <= 0.002 * 4


def test_what_stands_is_found_and_held(blender: ModuleType) -> None:
    contacts = blender.align4d_blender.result.contacts
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1, (200, 3))
    owner = np.where(points[:, 0] < 0.5, 3, 5)
    motion = np.repeat(points[None], 12, 0)
    motion[:, owner == 5, 2] += 0.3 * np.abs(np.sin(np.arange(12)))[:, None] + 0.1
    motion[:, owner == 3, 0] += 0.004 * np.arange(12)[:, None]  # stands, but slides
    found = contacts.find_contacts(motion, owner, np.array([0, 0, 1.0]))
    assert [one.bone for one in found] == [3] and (found[0].first, found[0].last) == (0, 11)
    still, emphasis = contacts.held(motion, found)
    assert contacts.sliding(still, found) == 0 < contacts.sliding(motion, found)
    assert set(np.unique(emphasis)) == {1.0, contacts.EMPHASIS}


def test_held_contacts_slide_at_most_a_fifth(blender: ModuleType) -> None:
    item, rig = add_limb(connected=False)
    for frame in FRAMES:
        rig.pose.bones["bone0"].location = (0.01 * frame, 0, 0)
        rig.pose.bones["bone0"].keyframe_insert("location", frame=frame)
        rig.pose.bones["bone2"].rotation_quaternion = (1, 0.05 * frame, 0, 0)
        rig.pose.bones["bone2"].keyframe_insert("rotation_quaternion", frame=frame)
    motion = shown(item)
    forget(rig)
    result = blender.align4d_blender.result
    mesh = result.armature_action.KeyedMesh(item, local(item), motion)
    skinned, targets = result.armature_action._joined(rig, [mesh], [bone.name for bone in rig.data.bones])
    up = np.array(rig.matrix_world.inverted().to_3x3().col[2])
    found = result.contacts.find_contacts(targets, skinned.weights.argmax(1), up / np.linalg.norm(up))
    assert found
    slid = {}
    for hold in (False, True):
        poses = list(result.armature_action.solve(rig, [mesh], hold))
        read = result.armature_action.read_rig(rig, skinned.weights)
        slid[hold] = result.contacts.sliding(np.stack([result.pose_solver.skin(read, skinned, pose) for pose in poses]), found)
    assert slid[True] <= 0.2 * slid[False]


def test_in_place_takes_the_way_out_and_leaves_the_height(blender: ModuleType) -> None:
    item, rig = add_limb()
    for frame in FRAMES:
        rig.pose.bones["bone0"].location = (0.3 * frame, 0.1 * frame, 0.2 * (frame % 2))
        rig.pose.bones["bone0"].keyframe_insert("location", frame=frame)
    rig.parent.matrix_world.identity()
    motion = shown(item)
    forget(rig)
    result = blender.align4d_blender.result
    poses = np.stack(list(result.armature_action.solve(rig, [result.armature_action.KeyedMesh(item, local(item), motion)])))
    result.armature_action.write_keys(rig, "Stay", poses, list(FRAMES), cleanup=result.key_cleanup.Cleanup(in_place=True))
    world = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        matrix = np.array(item.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
        world.append((evaluated(item) @ matrix[:3, :3].T + matrix[:3, 3]).mean(0))
    way = np.ptp(np.stack(world), axis=0)
    assert way[0] < 1e-3 and way[1] < 1e-3 < way[2]


def test_the_choices_are_taken_when_the_keys_are_made_again(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, _ = generate_limb(blender, tmp_path)
    bpy.ops.align4d.make_keyframes()
    every, result = count_keys(blender, rig), item.align4d.results[0]
    result.tolerance, result.loop = 5.0, True
    assert bpy.ops.align4d.make_keyframes() == {"FINISHED"}
    assert count_keys(blender, rig) < every and len(bpy.data.actions) == 1
    curves = blender.align4d_blender.compat.fcurves(rig)
    assert max(abs(curve.keyframe_points[0].co.y - curve.keyframe_points[-1].co.y) for curve in curves) == pytest.approx(0, abs=1e-5)
