"""Make Keyframes and Back to Point Cache, as an artist presses them: on an own rig, on one that constraints move, and what stays when they go."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FRAMES
from mathutils import Matrix
from scenes import add_mesh, evaluated, local, names, place, select, use_video
from test_armature_action import add_limb, animate, forget, shown
from test_panel import draw
from test_result import go_to


def generate_limb(blender: ModuleType, folder: Path) -> tuple[bpy.types.Object, bpy.types.Object, np.ndarray]:
    """A limb with a result, as a point cache, whose motion its own bones can show; returns the mesh, the armature and the motion (T, V, 3)."""
    bpy.context.scene.align4d.form = "CACHE"
    item, rig = add_limb()
    animate(rig)
    motion = shown(item)[:FRAMES]
    forget(rig)
    bpy.context.scene.frame_set(1)  # the motion begins at the playhead
    select(item)
    use_video(folder / "video")
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    file = blender.align4d_blender.result.motion_file
    played = Path(bpy.path.abspath(item.align4d.results[0].motion))
    blender.engine.align4d.protocol.write_pc2(file.as_shown(played), motion)
    return item, rig, motion


def assert_shows(item: bpy.types.Object, motion: np.ndarray) -> None:
    for index, expected in enumerate(motion):
        go_to(index)
        assert np.abs(evaluated(item) - expected).max() < 2e-3 * 4, index


def test_the_armature_shows_the_motion_and_the_cache_rests(blender: ModuleType, tmp_path: Path) -> None:
    item, _, motion = generate_limb(blender, tmp_path)
    assert bpy.ops.align4d.make_keyframes() == {"FINISHED"}
    assert_shows(item, motion)
    assert not item.modifiers["Align4D"].show_viewport


def test_a_motion_arrives_as_keyframes_where_the_mesh_has_an_armature(blender: ModuleType, tmp_path: Path) -> None:
    """On a rig in Rest Position with an action of its own, which rests meanwhile; the button makes the same keys."""
    item, rig = add_limb()
    animate(rig)
    own, rig.data.pose_position = rig.animation_data.action, "REST"
    bpy.context.scene.frame_set(1)
    use_video(tmp_path / "video")
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    result = item.align4d.results[0]
    assert result.form == "KEYFRAMES" and rig.animation_data.action == result.action != own and not item.modifiers["Align4D"].show_viewport
    arrived = shown(item)
    bpy.ops.align4d.make_keyframes()
    np.testing.assert_allclose(shown(item), arrived, atol=1e-5)
    assert np.abs(arrived[3] - arrived[0]).max() > 0.1 and len(bpy.data.actions) == 2
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert (
        rig.data.pose_position == "REST"
        and rig.animation_data.action == own
        and list(bpy.data.actions) == [own]
        and not rig.animation_data.nla_tracks
    )


def test_what_bones_cannot_take_arrives_as_a_point_cache_and_says_why(blender: ModuleType, tmp_path: Path) -> None:
    item, rig = add_limb()
    rig.parent.constraints.new("LIMIT_LOCATION")
    use_video(tmp_path / "video")
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    assert item.align4d.results[0].form == "CACHE" and item.modifiers["Align4D"].show_viewport
    assert any("carried along by Parent" in note for note in blender.align4d_blender.jobs.queue.listed[0].notes)


def test_each_result_keeps_its_keyframes_and_mute_lets_the_armature_rest(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, motion = generate_limb(blender, tmp_path)
    bpy.ops.align4d.make_keyframes()
    bpy.context.scene.frame_set(1)
    assert bpy.ops.align4d.generate() == {"FINISHED"}  # a second one, which is a point cache
    assert len(item.align4d.results) == 2 and item.align4d.active == 1 and not rig.align4d.set_aside
    bpy.ops.align4d.make_keyframes()
    second = rig.animation_data.action
    item.align4d.active = 0
    assert rig.animation_data.action == item.align4d.results[0].action != second
    assert_shows(item, motion)
    item.align4d.muted = True
    assert rig.animation_data.action is None and all(bone.matrix_basis == Matrix() for bone in rig.pose.bones)
    item.align4d.muted = False
    assert_shows(item, motion)
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert list(bpy.data.actions) == [second] and rig.animation_data.action == second


def test_back_to_the_point_cache_leaves_nothing(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, _ = generate_limb(blender, tmp_path)
    go_to(2)
    before, pictured = names(), evaluated(item)
    bpy.ops.align4d.make_keyframes()
    assert bpy.ops.align4d.use_point_cache() == {"FINISHED"}
    assert names() == before and item.modifiers["Align4D"].show_viewport and not rig.align4d.set_aside
    np.testing.assert_allclose(evaluated(item), pictured, atol=1e-6)


def test_remove_result_takes_the_keyframes_too(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, _ = generate_limb(blender, tmp_path)
    bpy.ops.align4d.make_keyframes()
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert not rig.align4d.set_aside and not item.modifiers.get("Align4D") and not bpy.data.actions


def test_the_keys_follow_start_and_speed(blender: ModuleType, tmp_path: Path) -> None:
    item, _, motion = generate_limb(blender, tmp_path)
    bpy.ops.align4d.make_keyframes()
    result = item.align4d.results[0]
    result.start, result.speed = 21, 2.0
    step = bpy.context.scene.render.fps / bpy.context.scene.render.fps_base / result.fps / 2
    assert tuple(result.action.frame_range) == pytest.approx((21, 21 + (FRAMES - 1) * step))
    for index, expected in enumerate(motion):
        frame = 21 + index * step
        bpy.context.scene.frame_set(int(frame), subframe=frame % 1)
        assert np.abs(evaluated(item) - expected).max() < 2e-3 * 4, index


def test_the_armature_offers_the_same_in_pose_mode(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, motion = generate_limb(blender, tmp_path)
    assert bpy.ops.align4d.pose_by_hand() == {"FINISHED"} and bpy.context.mode == "POSE"
    assert rig.animation_data.action == item.align4d.results[0].action
    assert "Clean Up" in draw(blender, "result") and "(Clean Up)" not in draw(blender, "result")
    every, item.align4d.results[0].tolerance = len(blender.align4d_blender.compat.fcurves(rig)[0].keyframe_points), 5.0
    assert bpy.ops.align4d.clean_up() == {"FINISHED"} and bpy.context.mode == "POSE" and bpy.context.object == rig
    assert len(blender.align4d_blender.compat.fcurves(rig)[0].keyframe_points) < every
    bpy.context.scene.frame_end = 1
    assert bpy.ops.align4d.set_range() == {"FINISHED"} and bpy.context.scene.frame_end > 1
    item.align4d.results[0].tolerance = 0.0
    assert bpy.ops.align4d.make_keyframes() == {"FINISHED"} and bpy.context.mode == "POSE"
    assert_shows(item, motion)


def test_a_copy_on_the_same_armature_says_what_to_do(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, _ = generate_limb(blender, tmp_path)
    bpy.ops.align4d.make_keyframes()
    assert "The keyframes of" not in draw(blender, "result")
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    said = f"The keyframes of {rig.name} move {item.name} too: for a motion of its own, duplicate the armature with the mesh"
    assert said in draw(blender, "result")
    select(copy)
    assert bpy.ops.align4d.use_point_cache() == {"FINISHED"}
    assert "The keyframes of" not in draw(blender, "result")


def test_bones_that_constraints_move_follow_an_armature_beside_them(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, motion = generate_limb(blender, tmp_path)
    target = bpy.data.objects["Parent"]
    rig.pose.bones["bone1"].constraints.new("LIMIT_ROTATION")
    rig.pose.bones["bone2"].constraints.new("COPY_ROTATION").target = target
    before = names()
    item.align4d.results[0].root_motion = True  # of the stand-in: the mesh stays below its own
    assert bpy.ops.align4d.make_keyframes() == {"FINISHED"}
    assert_shows(item, motion)
    bpy.ops.align4d.use_point_cache()
    assert names() == before
    assert [len(bone.constraints) for bone in rig.pose.bones] == [0, 1, 1, 0]


def test_two_meshes_on_one_armature_are_keyed_together(blender: ModuleType, tmp_path: Path) -> None:
    item, rig = add_limb()
    twin = item.copy()
    twin.data = item.data.copy()
    bpy.context.scene.collection.objects.link(twin)
    animate(rig)
    motion = shown(item)[:FRAMES]
    forget(rig)
    bpy.context.scene.frame_set(1)
    select(item, twin)
    use_video(tmp_path / "video")
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    for one in (item, twin):
        played = Path(bpy.path.abspath(one.align4d.results[0].motion))
        blender.engine.align4d.protocol.write_pc2(blender.align4d_blender.result.motion_file.as_shown(played), motion)
    bpy.ops.align4d.make_keyframes()
    assert_shows(item, motion)
    assert_shows(twin, motion)
    assert len(bpy.data.actions) == 1


def test_a_mesh_without_an_armature_offers_no_keyframes(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    use_video(tmp_path / "video")
    bpy.ops.align4d.generate()
    assert not bpy.ops.align4d.make_keyframes.poll()
    with pytest.raises(RuntimeError):
        bpy.ops.align4d.make_keyframes()


def write_poses(blender: ModuleType, item: bpy.types.Object, sides: int = 1) -> np.ndarray:
    """Poses of a body with a limb on each side, for the object's result, and the motion (T, V, 3) that they mean, which is returned."""
    protocol = blender.engine.align4d.protocol
    folder = Path(bpy.path.abspath(item.align4d.results[0].motion)).parents[1]
    rest = local(item) @ np.array(item.matrix_world)[:3, :3].T + np.array(item.matrix_world)[:3, 3]
    parts = 1 + 2 * sides
    part = np.zeros(len(rest), np.int32)
    joint = np.zeros((parts, 3), np.float32)
    joint[0] = rest.mean(0)
    for number, sign in enumerate((1, -1)[: 2 * sides], 1):
        part[sign * (rest[:, 0] - joint[0, 0]) > 0.4] = number
        joint[number] = joint[0] + (sign * 0.4, 0, 0.1)
    turn = np.zeros((FRAMES, parts, 4), np.float32)
    angle = np.linspace(0, 1.2, FRAMES)[:, None] * np.arange(parts)
    turn[..., 0], turn[..., 2] = np.cos(angle / 2), np.sin(angle / 2)
    quaternions = importlib.import_module(f"{protocol.__name__}.quaternions")
    matrices = quaternions.rotation_matrices(turn.astype(np.float64))
    shift = (joint - np.einsum("tkij,kj->tki", matrices, joint)).astype(np.float32) + np.linspace(0, 0.3, FRAMES, dtype=np.float32)[:, None, None]
    arrays = {"parent": np.array([-1, *[0] * (parts - 1)], np.int32), "joint": joint, "rotation": turn, "translation": shift}
    arrays |= {"point": np.arange(len(rest), dtype=np.int32), "part": part, "weight": np.ones(len(rest), np.float32)}
    protocol.write_arrays(folder / protocol.POSES, arrays)
    world = np.einsum("tvij,vj->tvi", matrices[:, part], rest) + shift[:, part]
    inverse = np.array(item.matrix_world.inverted())
    motion = (world @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.float32)
    protocol.write_pc2(Path(bpy.path.abspath(item.align4d.results[0].motion)), motion)
    return motion


def test_an_armature_is_made_for_a_mesh_that_has_none(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    place(item)
    use_video(tmp_path / "video")
    bpy.ops.align4d.generate()
    motion = write_poses(blender, item)
    before = names()
    assert bpy.ops.align4d.make_keyframes() == {"FINISHED"}
    assert_shows(item, motion)
    rig = item.modifiers["Align4D Armature"].object
    assert sorted(bone.name[-2:] for bone in rig.data.bones if bone.parent) == [".L", ".R"]
    assert bpy.context.active_object == item and item.select_get()
    assert bpy.ops.align4d.use_point_cache() == {"FINISHED"}
    assert names() == before and not item.vertex_groups and [one.name for one in item.modifiers] == ["Align4D"]


def test_a_made_armature_goes_with_the_result(blender: ModuleType, tmp_path: Path) -> None:
    before = names()
    item = add_mesh()
    use_video(tmp_path / "video")
    bpy.ops.align4d.generate()
    write_poses(blender, item)
    bpy.ops.align4d.make_keyframes()
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert names()["actions"] == before["actions"] and not bpy.data.armatures and not item.modifiers


def test_poses_that_are_damaged_are_said_and_change_nothing(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    use_video(tmp_path / "video")
    bpy.ops.align4d.generate()
    write_poses(blender, item)
    folder = Path(bpy.path.abspath(item.align4d.results[0].motion)).parents[1]
    (folder / blender.engine.align4d.protocol.POSES).write_bytes(b"no poses")
    before = names()
    with pytest.raises(RuntimeError, match="poses of this result cannot be used"):
        bpy.ops.align4d.make_keyframes()
    assert names() == before and item.align4d.results[0].form == "CACHE"
