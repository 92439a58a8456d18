"""What moves a mesh by itself (its rig's action, its parents, its own keyframes) is held for the result, whatever the frame of the capture.

The fake engine moves what it gets by a known rule in object space; whatever else is seen is Blender's side alone.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FPS, FRAMES, moved
from scenes import add_armature, add_mesh, evaluated, local, select, use_video
from test_panel import draw

CAPTURED = 7
"""The playhead when Generate is pressed; the scene starts at 1."""

EXACT = 1e-4
"""Distance, as a part of the size, that nobody sees."""


def keyed(owner: bpy.types.ID | bpy.types.PoseBone, path: str, index: int, reach: float) -> None:
    """Keyframes that move a property there and back."""
    before = getattr(owner, path)[index]
    for frame, value in ((1, 0.0), (9, reach), (25, -reach)):
        getattr(owner, path)[index] = before + value
        owner.keyframe_insert(path, index=index, frame=frame)


def armature_action(item: bpy.types.Object) -> None:
    rig = add_armature(item)
    keyed(rig.pose.bones["upper"], "rotation_euler", 0, 0.9)
    keyed(rig.pose.bones["lower"], "location", 1, 0.4)


def nla_strip(item: bpy.types.Object) -> None:
    armature_action(item)
    data = item.modifiers["Armature"].object.animation_data
    action, data.action = data.action, None
    data.nla_tracks.new().strips.new("Walk", 1, action)


def driven_bone(item: bpy.types.Object) -> None:
    rig = add_armature(item)
    driver = rig.pose.bones["upper"].driver_add("rotation_euler", 1).driver
    driver.type, driver.expression = "SCRIPTED", "sin(frame / 5)"


def bone_parent(item: bpy.types.Object) -> None:
    rig = add_armature(add_mesh("Body"))
    keyed(rig.pose.bones["upper"], "rotation_euler", 0, 0.9)
    item.parent, item.parent_type, item.parent_bone = rig, "BONE", "upper"


def animated_parent(item: bpy.types.Object) -> None:
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.scene.collection.objects.link(parent)
    item.parent, item.scale, parent.scale = parent, (1, 2, 1), (1, 1, 3)
    keyed(parent, "location", 0, 3.0)
    keyed(parent, "rotation_euler", 0, 1.0)  # shears the mesh, over time


def object_keys(item: bpy.types.Object) -> None:
    keyed(item, "location", 2, 2.0)
    keyed(item, "rotation_euler", 1, 1.0)


def constrained(item: bpy.types.Object) -> None:
    target = bpy.data.objects.new("Target", None)
    bpy.context.scene.collection.objects.link(target)
    keyed(target, "location", 0, 3.0)
    item.constraints.new("COPY_LOCATION").target = target


def rig_and_object(item: bpy.types.Object) -> None:
    armature_action(item)
    rig = item.modifiers["Armature"].object
    item.parent = rig
    keyed(rig, "location", 0, 2.0)


def wave(item: bpy.types.Object) -> None:
    item.modifiers.new("Wave", "WAVE").height = 0.3


def animated_lattice_behind_a_rig(item: bpy.types.Object) -> None:
    add_armature(item)
    cage = bpy.data.objects.new("Cage", bpy.data.lattices.new("Cage"))
    bpy.context.scene.collection.objects.link(cage)
    cage.scale = (4, 4, 4)
    keyed(cage, "location", 0, 1.5)
    item.modifiers.new("Cage", "LATTICE").object = cage
    cage.data.points[1].co_deform.x += 0.5


KINDS: list[Callable[[bpy.types.Object], None]] = [
    armature_action,
    nla_strip,
    driven_bone,
    bone_parent,
    animated_parent,
    object_keys,
    constrained,
    rig_and_object,
    wave,
    animated_lattice_behind_a_rig,
]


def in_world(item: bpy.types.Object, points: np.ndarray) -> np.ndarray:
    matrix = np.array(item.matrix_world, np.float64)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def shown(item: bpy.types.Object) -> np.ndarray:
    return in_world(item, evaluated(item))


def frame_of(index: float) -> float:
    """The scene frame of a frame of the video: the motion lies where the playhead was."""
    return CAPTURED + index * bpy.context.scene.render.fps / FPS


def go_to(frame: float) -> None:
    bpy.context.scene.frame_set(math.floor(frame), subframe=frame % 1)


def generate(folder: Path, item: bpy.types.Object) -> list[str]:
    """Presses the button, for a point cache; returns what is said."""
    bpy.context.scene.align4d.form = "CACHE"
    use_video(folder / "video")
    bpy.context.scene.frame_set(CAPTURED)
    select(item)
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    queue = importlib.import_module("bl_ext.user_default.align4d.align4d_blender.jobs.queue")
    return list(queue.current().notes)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_motion_of_the_video_is_seen(blender: ModuleType, tmp_path: Path, kind: Callable[[bpy.types.Object], None]) -> None:
    item = add_mesh("Fox")
    kind(item)
    before = {}
    for frame in (CAPTURED, CAPTURED + 4, CAPTURED + 8):
        go_to(frame)
        before[frame] = shown(item)
    go_to(CAPTURED)
    rest, matrix = evaluated(item), np.array(item.matrix_world, np.float64)
    size = float(np.ptp(before[CAPTURED], axis=0).max())
    assert np.abs(before[CAPTURED + 8] - before[CAPTURED]).max() > 0.02 * size, "it does not move by itself: this test shows nothing"
    stack = [modifier.name for modifier in item.modifiers], [constraint.name for constraint in item.constraints]

    notes = generate(tmp_path, item)
    assert any("Fox" in note for note in notes), "nothing is said"
    for index in [one / 2 for one in range(2 * FRAMES - 1)]:
        go_to(frame_of(index))
        wanted = (moved(rest, math.floor(index)) + moved(rest, math.ceil(index))) / 2
        error = np.abs(shown(item) - (wanted @ matrix[:3, :3].T + matrix[:3, 3])).max()
        assert error < EXACT * size, f"{error / size:.1%} of the size at frame {index + 1} of the video"

    item.align4d.muted = True
    for frame, points in before.items():
        go_to(frame)
        np.testing.assert_allclose(shown(item), points, atol=1e-5 * size)
    item.align4d.muted = False
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    for frame, points in before.items():
        go_to(frame)
        np.testing.assert_allclose(shown(item), points, atol=1e-5 * size)
    assert stack == ([modifier.name for modifier in item.modifiers], [constraint.name for constraint in item.constraints])
    assert not [one for one in bpy.data.objects if one.name.startswith("Align4D")]


def test_a_pose_that_was_never_keyed_is_captured_and_stays(blender: ModuleType, tmp_path: Path) -> None:
    """Looking at other frames must not write them into the artist's own bones."""
    item = add_mesh("Fox")
    armature_action(item)
    bone = item.modifiers["Armature"].object.pose.bones["upper"]
    bpy.context.scene.frame_set(CAPTURED)
    bone.rotation_euler.x = 0.123
    rest = evaluated(item)
    use_video(tmp_path / "video")
    select(item)
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    assert bone.rotation_euler.x == pytest.approx(0.123)
    np.testing.assert_allclose(evaluated(item), rest, atol=1e-5)


def test_a_still_rig_can_be_posed_on_top(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    rig = add_armature(item)
    assert generate(tmp_path, item) == ["A note of the engine."]
    assert [modifier.type for modifier in item.modifiers] == ["MESH_CACHE", "ARMATURE"] and not item.constraints
    before = shown(item)
    rig.pose.bones["upper"].rotation_euler = (0, 0, 1)
    assert np.abs(shown(item) - before).max() > 0.1


def test_the_playhead_or_the_start_of_the_scene(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    bpy.context.scene.frame_start = 3
    generate(tmp_path, item)
    assert item.align4d.results[0].start == CAPTURED
    bpy.context.scene.align4d.start_at = "SCENE"
    generate(tmp_path, item)
    assert item.align4d.results[1].start == 3


def test_start_and_speed_may_change_afterwards(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    rig_and_object(item)
    bpy.context.scene.frame_set(CAPTURED)
    rest, matrix = evaluated(item), np.array(item.matrix_world, np.float64)
    generate(tmp_path, item)
    item.align4d.results[0].start, item.align4d.results[0].speed = 40, 0.5
    for index in range(FRAMES):
        go_to(40 + 4 * index)
        np.testing.assert_allclose(shown(item), moved(rest, index) @ matrix[:3, :3].T + matrix[:3, 3], atol=1e-4)


def test_what_is_held_can_be_moved_and_animated_again(blender: ModuleType, tmp_path: Path) -> None:
    """A second job is captured as if the first were not there; switching between the two goes both ways."""
    item = add_mesh("Fox")
    object_keys(item)
    armature_action(item)
    bpy.context.scene.frame_set(CAPTURED)
    rest, matrix = evaluated(item), np.array(item.matrix_world, np.float64)
    generate(tmp_path, item)
    generate(tmp_path, item)
    for active in (1, 0):
        item.align4d.active = active
        for index in (0, 3):
            go_to(frame_of(index))
            np.testing.assert_allclose(shown(item), moved(rest, index) @ matrix[:3, :3].T + matrix[:3, 3], atol=1e-4)
    hold = item.constraints[0].target
    hold.location.x += 5
    bpy.context.view_layer.update()
    np.testing.assert_allclose(shown(item), moved(rest, 3) @ matrix[:3, :3].T + matrix[:3, 3] + [5, 0, 0], atol=1e-4)


def test_pieces_on_one_rig_are_held_by_one_empty(blender: ModuleType, tmp_path: Path) -> None:
    pieces = [add_mesh("Arm"), add_mesh("Leg", 1)]
    rig = add_armature(add_mesh("Body"))
    keyed(rig.pose.bones["upper"], "rotation_euler", 0, 0.9)
    for piece in pieces:
        piece.parent, piece.parent_type, piece.parent_bone = rig, "BONE", "upper"
    use_video(tmp_path / "video")
    select(*pieces)
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    holds = {constraint.target for piece in pieces for constraint in piece.constraints}
    assert len(holds) == 1
    for piece, left in zip(pieces, (1, 0), strict=True):
        select(piece)
        assert bpy.ops.align4d.remove_result() == {"FINISHED"}
        assert not piece.constraints and len([one for one in bpy.data.objects if one.type == "EMPTY"]) == left


def test_a_simulation_that_cannot_be_held_is_said(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    item.modifiers.new("Cloth", "CLOTH")
    bpy.ops.rigidbody.object_add(type="ACTIVE")
    said = [f"{what} of Fox goes on simulating, on top of the motion: apply it, or turn it off" for what in ("Cloth", "The rigid body")]
    assert all(sentence in draw(blender) for sentence in said), "before the job"
    notes = generate(tmp_path, item)
    for sentence in said:
        assert f"{sentence}." in notes and sentence in draw(blender, "result")
    item.modifiers["Cloth"].show_viewport = False
    assert said[0] not in draw(blender) and said[0] not in draw(blender, "result")


@pytest.mark.parametrize("moving", [False, True])
def test_a_point_cache_of_the_artists_is_replaced(blender: ModuleType, tmp_path: Path, moving: bool) -> None:
    """It overwrites whatever comes before it, whether it stands still or not."""
    item = add_mesh("Fox")
    steps = np.arange(30)[:, None, None] if moving else np.zeros((30, 1, 1))
    blender.engine.align4d.protocol.write_pc2(tmp_path / "own.pc2", (local(item) * 1.5 + 0.1 * steps).astype(np.float32))
    own = item.modifiers.new("Own", "MESH_CACHE")
    own.cache_format, own.filepath = "PC2", str(tmp_path / "own.pc2")
    bpy.context.scene.frame_set(CAPTURED)
    rest = evaluated(item)
    generate(tmp_path, item)
    assert [modifier.name for modifier in item.modifiers] == ["Own", "Align4D"]
    bpy.context.scene.frame_set(CAPTURED + round(2 * bpy.context.scene.render.fps / FPS))
    np.testing.assert_allclose(evaluated(item), moved(rest, 2), atol=1e-4)


def test_mirrored_halves_move_each_for_itself(blender: ModuleType, tmp_path: Path) -> None:
    item = half()
    add_armature(item)
    bpy.context.view_layer.update()
    rest = evaluated(item)
    generate(tmp_path, item)
    assert [modifier.type for modifier in item.modifiers] == ["MIRROR", "MESH_CACHE", "ARMATURE"]
    for index in range(FRAMES):
        go_to(frame_of(index))
        np.testing.assert_allclose(evaluated(item), moved(rest, index), atol=1e-4)  # moved across the mirror's plane too


def half() -> bpy.types.Object:
    """One side of a mesh, and a mirror that makes the other, grown together at the seam."""
    item = add_mesh("Fox")
    points = local(item)
    points[:, 0] = np.maximum(points[:, 0], 0)
    item.data.vertices.foreach_set("co", points.ravel())
    item.modifiers.new("Mirror", "MIRROR")
    return item


@pytest.mark.parametrize("what", ["bake_shape_keys", "make_keyframes"])
def test_what_needs_vertices_of_the_mesh_itself_says_so(blender: ModuleType, tmp_path: Path, what: str) -> None:
    item = half()
    add_armature(item)
    generate(tmp_path, item)
    with pytest.raises(RuntimeError, match="comes after Mirror.*apply Mirror"):
        getattr(bpy.ops.align4d, what)()


def test_a_place_where_the_vertices_are_not_always_the_same_is_refused_before_the_job(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox", 1)
    surface = item.modifiers.new("Subdivision", "SUBSURF")
    surface.levels, surface.render_levels = 1, 2
    armature_action(item)
    use_video(tmp_path / "video")
    with pytest.raises(RuntimeError, match="Subdivision of Fox is not the same in the viewport and in renderings"):
        bpy.ops.align4d.generate()
    surface.render_levels = 1
    bpy.context.scene.frame_set(CAPTURED)
    rest = evaluated(item)
    generate(tmp_path, item)
    go_to(frame_of(2))
    np.testing.assert_allclose(evaluated(item), moved(rest, 2), atol=1e-4)
