"""Correct by Hand, as an artist does it: a pose that is kept, frames solved around it, a limb that bends the other way; and all of it undone."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FRAMES
from scenes import add_mesh, evaluated, local, names, played, select, use_video
from test_keyframes import write_poses
from test_result import go_to, scene_frame

KEPT = 2
"""The frame that is corrected, counted from 0."""


@pytest.fixture
def animated(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bpy.types.Object:
    """A mesh with a motion of two parts that can be corrected."""
    monkeypatch.setenv("FAKE_ENGINE", "correctable")
    item = add_mesh()
    use_video(tmp_path / "video")
    bpy.context.scene.frame_set(1)
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    motion = write_poses(blender, item)
    blender.engine.align4d.protocol.write_pc2(played(item), motion)
    return item


def bend(item: bpy.types.Object) -> np.ndarray:
    """Poses the mesh by hand in the frame KEPT, keeps that, and returns what is shown then."""
    go_to(KEPT)
    assert bpy.ops.align4d.pose_by_hand() == {"FINISHED"}
    rig = bpy.context.object
    assert rig.type == "ARMATURE" and rig.mode == "POSE"
    rig.pose.bones[-1].rotation_quaternion = (0.9, 0.3, 0.2, -0.1)
    shown = evaluated(item)
    assert bpy.ops.align4d.keep_pose() == {"FINISHED"}
    return shown


def test_frames_are_solved_around_a_pose_that_is_kept(blender: ModuleType, animated: bpy.types.Object) -> None:
    go_to(KEPT)
    before = evaluated(animated)
    assert not animated.align4d.results[0].pins
    shown = bend(animated)
    assert np.abs(shown - before).max() > 0.05
    assert [pin.frame for pin in animated.align4d.results[0].pins] == [KEPT + 1]
    animated.align4d.results[0].speed = 2.0
    assert bpy.ops.align4d.solve_around_poses() == {"FINISHED"}
    assert bpy.context.mode == "OBJECT" and bpy.context.object == animated
    assert len(animated.align4d.results) == 2 and animated.align4d.active == 1 and animated.align4d.results[1].name.endswith("around 3")
    assert animated.align4d.results[1].speed == 2.0 and not bpy.data.armatures  # the bones were handles
    new = blender.engine.align4d.protocol.read_pc2(played(animated))
    np.testing.assert_allclose(new[KEPT], shown, atol=1e-5)
    animated.align4d.results[1].speed = 1.0
    go_to(KEPT)
    np.testing.assert_allclose(evaluated(animated), shown, atol=1e-5)
    animated.align4d.active = 0
    animated.align4d.results[0].speed = 1.0
    go_to(KEPT)
    np.testing.assert_allclose(evaluated(animated), before, atol=1e-5)  # nothing of the old one is lost
    animated.align4d.active = 1
    assert blender.align4d_blender.result.hand.can_be_corrected(animated)  # and so on


def test_kept_poses_are_replaced_forgotten_and_shown(animated: bpy.types.Object) -> None:
    bend(animated)
    first = animated.align4d.results[0].pins[0].pose
    bpy.context.object.pose.bones[-1].rotation_quaternion = (1, 0, 0, 0)
    bpy.ops.align4d.keep_pose()
    (pin,) = animated.align4d.results[0].pins
    assert pin.frame == KEPT + 1 and pin.pose != first
    go_to(4)
    bpy.ops.align4d.keep_pose()
    assert [pin.frame for pin in animated.align4d.results[0].pins] == [KEPT + 1, 5]
    assert bpy.ops.align4d.show_motion_frame(frame=KEPT + 1) == {"FINISHED"}
    bpy.ops.align4d.keep_pose()
    assert len(animated.align4d.results[0].pins) == 2  # the frame that is shown is the one that was meant
    assert bpy.ops.align4d.forget_pose(index=0) == {"FINISHED"}
    assert [pin.frame for pin in animated.align4d.results[0].pins] == [5]


def test_a_pose_is_kept_where_root_motion_shows_it(blender: ModuleType, animated: bpy.types.Object) -> None:
    kept = []
    bpy.ops.align4d.make_keyframes()
    for root_motion in (False, True):
        animated.align4d.results[0].root_motion = root_motion
        assert bpy.ops.align4d.clean_up() == {"FINISHED"}
        go_to(KEPT)
        bpy.ops.align4d.keep_pose()
        kept.append(blender.align4d_blender.result.hand.kept_poses(animated)[KEPT])
    np.testing.assert_allclose(kept[1], kept[0], atol=1e-4)


def test_a_kept_pose_survives_save_and_load(animated: bpy.types.Object, blender: ModuleType, tmp_path: Path) -> None:
    shown = bend(animated)
    assert bpy.ops.align4d.use_point_cache() == {"FINISHED"} and bpy.context.object == animated and not bpy.data.armatures
    (tmp_path / "shot").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot" / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot" / "saved.blend"))
    item = bpy.data.objects["Mesh"]
    select(item)
    assert bpy.ops.align4d.solve_around_poses() == {"FINISHED"}
    new = blender.engine.align4d.protocol.read_pc2(played(item))
    np.testing.assert_allclose(new[KEPT], shown, atol=1e-5)


def test_corrections_survive_save_and_load(animated: bpy.types.Object, blender: ModuleType, tmp_path: Path) -> None:
    """A kept pose, frames solved around it, a limb the other way: each result plays what it did, also of a file that has moved."""
    limb = blender.align4d_blender.result.hand.limbs(animated)[0][0]
    (tmp_path / "shot").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot" / "saved.blend"))
    bend(animated)
    bpy.ops.align4d.solve_around_poses()
    bpy.ops.align4d.other_way(limb=str(limb), first=1, last=0)

    def shown() -> list[np.ndarray]:
        item = bpy.data.objects["Mesh"]
        found = []
        for index in range(3):
            item.align4d.active, places = index, []
            for frame in (KEPT, FRAMES - 1):
                go_to(frame)
                places.append(evaluated(item))
            found.append(np.concatenate(places))
        return found

    before = shown()
    assert all(np.abs(one - other).max() > 0.01 for one, other in itertools.combinations(before, 2))
    bpy.ops.wm.save_mainfile()
    (tmp_path / "shot").rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "saved.blend"))
    np.testing.assert_allclose(shown(), before, atol=1e-5)
    item = bpy.data.objects["Mesh"]
    assert [[pin.frame for pin in result.pins] for result in item.align4d.results] == [[KEPT + 1], [], []]
    select(item)
    assert bpy.ops.align4d.solve_around_poses() == {"FINISHED"} and item.align4d.results[3].name.endswith("other way, solved")


def test_a_limb_goes_the_other_way_at_once(blender: ModuleType, animated: bpy.types.Object) -> None:
    old = blender.engine.align4d.protocol.read_pc2(played(animated)).copy()
    before = names()
    ((limb, name), *_) = blender.align4d_blender.result.hand.limbs(animated)
    assert name and bpy.ops.align4d.other_way(limb=str(limb), first=1, last=0) == {"FINISHED"}
    assert len(animated.align4d.results) == 2 and animated.align4d.results[1].name.endswith("other way")
    new = blender.engine.align4d.protocol.read_pc2(played(animated))
    weights = blender.engine.align4d.protocol.flipped_job.read_finished(played(animated).parents[1]).weights
    still = weights[:, limb] == 0
    np.testing.assert_array_equal(new[:, still], old[:, still])
    assert np.abs(new - old).max() > 0.05
    go_to(3)
    np.testing.assert_allclose(evaluated(animated), new[3], atol=1e-5)
    assert bpy.ops.align4d.solve_around_poses() == {"FINISHED"}  # without a pose: the limb alone
    assert animated.align4d.active == 2 and animated.align4d.results[2].name.endswith("other way, solved")
    assert not blender.align4d_blender.result.hand.can_be_solved(animated)
    for _ in range(2):
        assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    go_to(3)
    np.testing.assert_allclose(evaluated(animated), old[3], atol=1e-5)
    assert names() == before and animated.align4d.active == 0


def test_scripts_correct_as_the_buttons_do(blender: ModuleType, animated: bpy.types.Object) -> None:
    old = blender.engine.align4d.protocol.read_pc2(played(animated)).copy()
    matrix = np.array(animated.matrix_world)
    limb, part = next(iter(blender.limbs("Mesh").items()))
    blender.other_way("Mesh", limb, first=2)
    flipped = blender.engine.align4d.protocol.read_pc2(played(animated)).copy()
    assert animated.align4d.active == 1 and np.abs(flipped - old).max() > 0.05
    animated.align4d.active = 0
    bent = old[KEPT] + [0, 0, 0.5]
    assert blender.keep_pose(animated, bent @ matrix[:3, :3].T + matrix[:3, 3], frame=KEPT + 1) == KEPT + 1
    job = blender.solve_around_poses("Mesh")
    assert job.state == "done" and animated.align4d.active == 2
    np.testing.assert_allclose(blender.engine.align4d.protocol.read_pc2(played(animated))[KEPT], bent, atol=1e-5)
    go_to(4)
    assert blender.keep_pose("Mesh") == 5 and [pin.frame for pin in animated.align4d.results[2].pins] == [5]
    for wrong, words in (
        (lambda: blender.other_way("Mesh", "Tail"), "no limb Tail"),
        (lambda: blender.keep_pose("Mesh", bent[:3], frame=1), "has the shape"),
        (lambda: blender.keep_pose("Mesh", bent, frame=99), "not a frame"),
        (lambda: blender.keep_pose("Mesh", frame=1), "without positions"),
        (lambda: blender.limbs("Nobody"), "no mesh called"),
    ):
        with pytest.raises(blender.align4d_blender.errors.UserError, match=words):
            wrong()
    assert part == blender.limbs(animated)[limb]


def test_what_cannot_be_corrected_is_said_and_nothing_changes(blender: ModuleType, animated: bpy.types.Object) -> None:
    with pytest.raises(RuntimeError, match="No pose is kept"):
        bpy.ops.align4d.solve_around_poses()
    limb = str(blender.align4d_blender.result.hand.limbs(animated)[0][0])
    before = names()
    with pytest.raises(RuntimeError, match=f"Frames 3 to 99 are not frames of the motion, which has {FRAMES}"):
        bpy.ops.align4d.other_way(limb=limb, first=3, last=99)
    assert names() == before and len(animated.align4d.results) == 1
    bend(animated)
    folder = played(animated).parents[1]
    (folder / animated.align4d.results[0].pins[0].pose).unlink()
    with pytest.raises(RuntimeError, match="kept for frame 3 cannot be read"):
        bpy.ops.align4d.solve_around_poses()
    (folder / blender.engine.align4d.protocol.SOLVED).unlink()
    with pytest.raises(RuntimeError, match="cannot be corrected"):
        bpy.ops.align4d.keep_pose()
    assert len(list(folder.parent.iterdir())) == 1  # no folder of a job that never was


def test_a_mesh_without_a_motion_offers_nothing(blender: ModuleType) -> None:
    item = add_mesh()
    assert not bpy.ops.align4d.keep_pose.poll() and not bpy.ops.align4d.other_way.poll()
    assert blender.align4d_blender.result.hand.mesh_of(item) is None and len(local(item))


def test_vertices_that_a_modifier_makes_are_no_part_of_a_pose(animated: bpy.types.Object, blender: ModuleType) -> None:
    animated.modifiers.new("Finer", "SUBSURF").levels = 1
    go_to(KEPT)
    assert bpy.ops.align4d.keep_pose() == {"FINISHED"}
    ((frame, positions),) = blender.align4d_blender.result.hand.kept_poses(animated).items()
    assert frame == KEPT and len(positions) == len(animated.data.vertices) and animated.modifiers["Finer"].show_viewport


def tell_doubt(blender: ModuleType, item: bpy.types.Object, limb: int) -> np.ndarray:
    """Lets the result say that a limb grows less sure from frame to frame; returns the doubt (T, V)."""
    protocol = blender.engine.align4d.protocol
    folder = played(item).parents[1]
    point = (protocol.flipped_job.read_finished(folder).weights[:, limb] > 0).astype(np.int32)
    doubt = np.stack([np.full(FRAMES, 0.01), np.linspace(0.01, 0.2, FRAMES)], 1).astype(np.float32)
    protocol.write_arrays(folder / protocol.CERTAINTY, {"doubt": doubt, "point": point})
    return doubt[:, point]


def test_what_is_least_sure_is_listed_and_colored(blender: ModuleType, animated: bpy.types.Object) -> None:
    certainty = blender.align4d_blender.result.certainty
    with pytest.raises(RuntimeError, match="was not kept"):
        bpy.ops.align4d.show_doubt()
    limb, name = blender.align4d_blender.result.hand.limbs(animated)[0]
    doubt = tell_doubt(blender, animated, limb)
    worst = certainty.least_sure(animated)[0]
    assert (worst.name, worst.frame) == (name, FRAMES - 1) and worst.doubt == pytest.approx(0.2)
    go_to(0)
    assert bpy.ops.align4d.show_doubt() == {"FINISHED"}
    assert animated.data.color_attributes.active_color_name == "Align4D Doubt"

    def red() -> np.ndarray:
        values = np.empty(4 * len(animated.data.vertices), np.float32)
        animated.data.color_attributes["Align4D Doubt"].data.foreach_get("color", values)
        return values[::4]

    assert np.ptp(red()) < 1e-6  # all as sure, at first
    go_to(FRAMES - 1)  # the colors follow the frame
    unsure = doubt[-1] > 0.1
    assert unsure.any() and red()[unsure].min() > red()[~unsure].max() + 0.5
    assert bpy.ops.align4d.show_doubt() == {"FINISHED"}
    assert not animated.data.color_attributes
    go_to(0)  # and the frame may change without them
    file = played(animated).parents[1] / blender.engine.align4d.protocol.CERTAINTY
    arrays, seen = blender.engine.align4d.protocol.read_arrays(file), np.ones((FRAMES, 2), bool)
    assert not worst.hidden
    seen[-1, 1] = False  # the clip does not show the limb in the last frame
    blender.engine.align4d.protocol.write_arrays(file, {**arrays, "seen": seen})
    assert certainty.least_sure(animated)[0].hidden
    bpy.ops.align4d.show_doubt()
    go_to(FRAMES - 2)
    shown = red()[unsure].max()
    go_to(FRAMES - 1)
    assert red()[unsure].max() < 0.5 * shown


def test_a_strip_over_the_timeline_says_how_sure_each_frame_is(blender: ModuleType, animated: bpy.types.Object) -> None:
    boxes = blender.panels.timeline_strip.boxes
    tell_doubt(blender, animated, blender.align4d_blender.result.hand.limbs(animated)[0][0])
    assert boxes(bpy.context) == []  # nothing unless it is asked for
    bpy.ops.align4d.show_doubt()
    frames = boxes(bpy.context)
    assert [(first + last) / 2 for first, last, _ in frames] == pytest.approx([scene_frame(index) for index in range(FRAMES)])
    red = [color[0] for _, _, color in frames]
    assert red == sorted(red) and red[-1] > red[0] + 0.5
    assert all(first == pytest.approx(last) for (_, last, _), (first, _, _) in itertools.pairwise(frames))
    go_to(KEPT)
    bpy.ops.align4d.keep_pose()
    ((first, last, color),) = boxes(bpy.context)[FRAMES:]
    assert (first + last) / 2 == pytest.approx(scene_frame(KEPT)) and color == (1, 1, 1, 1)
    result = animated.align4d.results[0]
    result.first, result.start = 2, 41
    assert (boxes(bpy.context)[0][0] + boxes(bpy.context)[0][1]) / 2 == pytest.approx(41)
    folder = played(animated).parents[1]
    (folder / blender.engine.align4d.protocol.CERTAINTY).write_bytes(b"no more")
    assert boxes(bpy.context) == []  # the panel says what is wrong


def test_each_step_is_one_undo(blender: ModuleType, animated: bpy.types.Object) -> None:
    """A pose by hand, one that is kept, one that is forgotten, frames solved around it, a limb the other way, colors: back and forth."""

    def state() -> tuple[object, ...]:
        item = bpy.data.objects["Mesh"]
        pins = [[pin.frame for pin in result.pins] for result in item.align4d.results]
        return names(), pins, item.align4d.active, [result.form for result in item.align4d.results], item.data.color_attributes.keys()

    limb = blender.align4d_blender.result.hand.limbs(animated)[0][0]
    tell_doubt(blender, animated, limb)
    steps: list[tuple[str, dict[str, object]]] = [
        ("show_doubt", {}),
        ("show_doubt", {}),
        ("other_way", {"limb": str(limb), "first": 1, "last": 0}),
        ("pose_by_hand", {}),
        ("keep_pose", {}),
        ("forget_pose", {"index": 0}),
        ("keep_pose", {}),
        ("solve_around_poses", {}),
    ]
    go_to(KEPT)
    seen = [state()]
    bpy.ops.ed.undo_push(message="before")
    for step, choices in steps:
        assert getattr(bpy.ops.align4d, step)(**choices) == {"FINISHED"}
        if step not in {"other_way", "solve_around_poses"}:  # a result that arrives makes its own
            bpy.ops.ed.undo_push(message=step)
        seen.append(state())
    assert all(str(one) != str(other) for one, other in itertools.pairwise(seen))
    for before in reversed(seen[:-1]):
        bpy.ops.ed.undo()
        assert str(state()) == str(before)
    for after in seen[1:]:
        bpy.ops.ed.redo()
        assert str(state()) == str(after)
