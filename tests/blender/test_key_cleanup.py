"""What is done to keyframes: smoother, fewer, standing, in place, in a loop; each measured where an artist would see it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FRAMES as FRAMES_OF_VIDEO
from scenes import evaluated, local
from test_armature_action import FRAMES, add_limb, forget, shown
from test_keyframes import generate_limb
from test_panel import draw
from test_result import go_to


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
    """On the way: a wave that runs along points that travel; half a wave later they stand alike, but move the other way."""
    angle = 2 * np.pi * np.arange(40)[:, None] / 30
    points = np.stack([np.linspace(0, 1, 9) + 0.3 * angle, np.sin(angle) * np.linspace(-1, 1, 9), np.zeros((40, 9))], axis=2)
    assert blender.align4d_blender.result.key_cleanup.best_loop(points) == 30


def test_curves_lose_the_keys_that_they_can_do_without(blender: ModuleType) -> None:
    curves = blender.align4d_blender.result.key_curves
    turns = longest()
    rows = curves.thinned(turns).rows(1e-4)
    keys = curves.fitted(turns, rows)
    assert len(rows) < len(turns) / 4 and np.linalg.norm(keys.drawn() - turns, axis=1).max() <= 0.01
    np.testing.assert_allclose(keys.drawn()[[0, -1]], turns[[0, -1]], atol=1e-4)
    np.testing.assert_allclose(curves.every_key(turns).drawn(), turns)
    assert len(curves.thinned(turns).rows(1e-7)) > len(rows), "cheaper keys are more"
    still = turns[:1] + np.random.default_rng(0).normal(0, 1e-4, turns.shape)
    constant = curves.fitted(still, curves.thinned(still).rows(1e-4))
    assert constant.rows.tolist() == [0] and np.abs(constant.drawn() - turns[0]).max() < 1e-3, "one key is enough for what stays"


def test_fewer_keys_show_nearly_the_same(blender: ModuleType) -> None:
    """At 0.2 % of the size at most a fifth of the keys is left of a smooth motion, and no part of it is let go."""
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
    mesh = result.rig_poses.KeyedMesh(item, item.matrix_world.copy(), local(item), np.stack(motion))
    joined = result.rig_poses.join(rig, [mesh])
    poses, surface = np.stack(list(result.rig_poses.solve(rig, joined))), joined.some.skinned
    whole = blender.align4d_blender.capture.slices.whole
    whole(result.armature_action.write_keys(rig, "All", poses, list(frames)))
    every = count_keys(blender, rig)
    fewer = result.key_cleanup.Cleanup(tolerance=0.002)
    whole(result.armature_action.write_keys(rig, "Few", poses, list(frames), cleanup=fewer, surface=surface))
    assert count_keys(blender, rig) <= 0.2 * every
    errors = []
    for frame, expected in zip(frames, motion, strict=True):
        bpy.context.scene.frame_set(frame)
        errors.append(np.linalg.norm(evaluated(item) - expected, axis=1))
    assert np.mean(errors) <= 0.002 * 4 and np.max(errors) <= 0.02 * 4


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
    mesh = result.rig_poses.KeyedMesh(item, item.matrix_world.copy(), local(item), motion)
    joined = result.rig_poses.join(rig, [mesh])
    skinned, targets = joined.skinned, joined.targets
    up = np.array(rig.matrix_world.inverted().to_3x3().col[2])
    found = result.contacts.find_contacts(targets, skinned.weights.argmax(1), up / np.linalg.norm(up))
    assert found
    slid = {}
    for hold in (False, True):
        standing = result.rig_poses.find_standing(rig, joined) if hold else []
        poses = list(result.rig_poses.solve(rig, *result.rig_poses.hold(rig, joined, standing)))
        read = result.rig_poses.read_rig(rig, skinned.weights)
        slid[hold] = result.contacts.sliding(np.stack([result.pose_solver.skin(read.rest, skinned, pose) for pose in poses]), found)
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
    joined = result.rig_poses.join(rig, [result.rig_poses.KeyedMesh(item, item.matrix_world.copy(), local(item), motion)])
    poses = np.stack(list(result.rig_poses.solve(rig, joined)))
    in_place = result.key_cleanup.Cleanup(in_place=True)
    blender.align4d_blender.capture.slices.whole(result.armature_action.write_keys(rig, "Stay", poses, list(FRAMES), cleanup=in_place))
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


def test_a_bone_can_be_smoothed_by_a_strength_of_its_own(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, _ = generate_limb(blender, tmp_path)
    result = item.align4d.results[0]

    def turns(bone: str) -> np.ndarray:
        bpy.ops.align4d.clean_up()
        curves = [curve for curve in blender.align4d_blender.compat.fcurves(rig) if f'"{bone}"].rotation' in curve.data_path]
        return np.array([[point.co.y for point in curve.keyframe_points] for curve in curves])

    bpy.ops.align4d.make_keyframes()
    turned, others = turns("bone3"), turns("bone1")
    assert "Smooth a Bone by Itself" in draw(blender, "result")
    assert bpy.ops.align4d.edit_smoothed(add=True) == {"FINISHED"}
    result.smoothed[0].name, result.smoothed[0].smooth = "bone3", 2.0
    assert np.abs(turns("bone3") - turned).max() > 1e-3
    np.testing.assert_allclose(turns("bone1"), others, atol=1e-6)
    assert "Smooth a Bone by Itself" not in draw(blender, "result"), "the list is there instead"
    assert bpy.ops.align4d.edit_smoothed(add=False) == {"FINISHED"} and not result.smoothed
    np.testing.assert_allclose(turns("bone3"), turned, atol=1e-6)


def slide(item: bpy.types.Object, indices: range) -> np.ndarray:
    """(V,) how far each vertex moves from frame to frame of the motion, in the mean."""
    rows = []
    for index in indices:
        go_to(index)
        rows.append(evaluated(item))
    found: np.ndarray = np.linalg.norm(np.diff(np.stack(rows), axis=0), axis=-1).mean(0)
    return found


def test_contacts_are_a_list_that_can_be_edited(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, _ = generate_limb(blender, tmp_path)
    result = item.align4d.results[0]
    result.contacts = True
    bpy.ops.align4d.make_keyframes()
    found = [one.name for one in result.standing]
    result.standing.clear()
    assert bpy.ops.align4d.find_contacts() == {"FINISHED"} and [one.name for one in result.standing] == found
    result.standing.clear()
    assert bpy.ops.align4d.edit_contacts(add=True) == {"FINISHED"}
    chosen = result.standing[0]
    chosen.name, chosen.first, chosen.last = "bone0", 2, 4
    bpy.ops.align4d.clean_up()
    assert [one.name for one in result.standing] == ["bone0"], "an edited list is not found anew"
    slid = slide(item, range(1, 4))
    result.standing[0].held = False
    bpy.ops.align4d.clean_up()
    free = slide(item, range(1, 4))
    assert slid.min() < 0.2 * free[slid.argmin()]
    assert bpy.ops.align4d.edit_contacts(add=False) == {"FINISHED"} and not result.standing and rig.align4d.set_aside


def test_a_point_cache_is_cleaned_up_in_a_file_of_its_own(blender: ModuleType, tmp_path: Path) -> None:
    item, _, motion = generate_limb(blender, tmp_path)
    result = item.align4d.results[0]
    played = item.modifiers["Align4D"].filepath
    result.loop, result.in_place = True, True
    assert bpy.ops.align4d.clean_up() == {"FINISHED"}
    bpy.context.scene.frame_set(1)
    first = evaluated(item)
    go_to(FRAMES_OF_VIDEO - 1)
    np.testing.assert_allclose(evaluated(item), first, atol=1e-4)
    assert item.modifiers["Align4D"].filepath != played
    result.loop = result.in_place = False
    bpy.ops.align4d.clean_up()
    assert item.modifiers["Align4D"].filepath == played
    go_to(FRAMES_OF_VIDEO - 1)
    np.testing.assert_allclose(evaluated(item), motion[-1], atol=1e-4)


def test_cleaning_a_cache_smooths_and_stays_where_it_was(blender: ModuleType) -> None:
    result = blender.align4d_blender.result
    line = np.linspace(0, 5, 20, dtype=np.float32)[:, None, None] * np.ones((1, 7, 3), np.float32)
    np.testing.assert_allclose(result.cache_cleanup.cleaned(line, result.key_cleanup.Cleanup(smooth=2.0)), line, atol=1e-5)
    noisy = line + np.random.default_rng(0).normal(0, 0.1, line.shape)
    assert np.abs(result.cache_cleanup.cleaned(noisy, result.key_cleanup.Cleanup(smooth=2.0)) - line)[4:-4].std() < 0.06


def test_the_found_loop_is_what_is_played_and_keyed(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, motion = generate_limb(blender, tmp_path)
    file = Path(bpy.path.abspath(item.align4d.results[0].motion))
    there_and_back = motion[[0, 2, 1, 0, 2]]
    blender.engine.align4d.protocol.write_pc2(blender.align4d_blender.result.motion_file.as_shown(file), there_and_back)
    bpy.ops.align4d.make_keyframes()
    assert bpy.ops.align4d.find_loop() == {"FINISHED"}
    result = item.align4d.results[0]
    assert result.loop and result.last == 4
    bpy.ops.align4d.clean_up()
    curves = blender.align4d_blender.compat.fcurves(rig)
    assert {len(curve.keyframe_points) for curve in curves} == {4}
