"""Root motion: the way over the ground is the armature object's, the bones stay in place, and the mesh is where it was."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from fake_engine import FRAMES
from mathutils import Matrix
from scenes import add_mesh, evaluated, names, place, select, use_video
from test_key_cleanup import count_keys
from test_keyframes import generate_limb, write_poses
from test_result import go_to


def in_world(item: bpy.types.Object, index: int) -> np.ndarray:
    """(V, 3) of a frame of the motion, in the world."""
    go_to(index)
    points = evaluated(item)
    matrix = np.array(item.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
    shown: np.ndarray = points @ matrix[:3, :3].T + matrix[:3, 3]
    return shown


def all_in_world(item: bpy.types.Object) -> np.ndarray:
    return np.stack([in_world(item, index) for index in range(FRAMES)])


def own_places(blender: ModuleType, rig: bpy.types.Object) -> dict[str, list[list[float]]]:
    """Keys of the armature object itself, by property."""
    found: dict[str, list[list[float]]] = {}
    for curve in blender.align4d_blender.compat.fcurves(rig):
        if "bones" not in curve.data_path:
            found.setdefault(curve.data_path, []).append([point.co.y for point in curve.keyframe_points])
    return found


def clean_up(item: bpy.types.Object, **choices: Any) -> None:
    for name, value in choices.items():
        setattr(item.align4d.results[0], name, value)
    assert bpy.ops.align4d.clean_up() == {"FINISHED"}


def test_the_way_is_the_objects_and_the_mesh_stays_where_it_was(blender: ModuleType, tmp_path: Path) -> None:
    item, rig, _ = generate_limb(blender, tmp_path)
    bpy.ops.align4d.make_keyframes()
    before, size = all_in_world(item), float(np.ptp(all_in_world(item)[0], axis=0).max())
    go_to(2)
    rest = rig.matrix_world.copy()
    clean_up(item, root_motion=True)
    assert np.abs(all_in_world(item) - before).max() < 1e-4 * size
    assert set(own_places(blender, rig)) == {"location", "rotation_euler"}
    go_to(FRAMES - 1)
    assert (rig.matrix_world.translation - rest.translation).length > 0.1 * size
    clean_up(item)  # again, from a frame in which the armature is elsewhere
    assert np.abs(all_in_world(item) - before).max() < 1e-4 * size
    every = count_keys(blender, rig)
    clean_up(item, tolerance=0.5)
    assert count_keys(blender, rig) < every
    assert np.linalg.norm(all_in_world(item) - before, axis=2).mean() < 0.5e-2 * size
    go_to(FRAMES - 1)
    assert bpy.ops.align4d.use_point_cache() == {"FINISHED"}
    assert np.abs(np.array(rig.matrix_world) - np.array(rest)).max() < 1e-6 and not rig.align4d.set_aside


def test_an_uneven_armature_goes_along_but_does_not_turn(blender: ModuleType, tmp_path: Path) -> None:
    """Of an armature that scales its axes differently, bones cannot make up for turns."""
    item, rig, _ = generate_limb(blender, tmp_path)
    rig.scale = (1, 1.5, 0.7)
    bpy.ops.align4d.make_keyframes()
    before, size = all_in_world(item), float(np.ptp(all_in_world(item)[0], axis=0).max())
    clean_up(item, root_motion=True)
    assert np.abs(all_in_world(item) - before).max() < 1e-4 * size
    assert set(own_places(blender, rig)) == {"location"}
    clean_up(item, in_place=True)
    assert not own_places(blender, rig)
    assert np.ptp(all_in_world(item)[:, :, :2].mean(1), axis=0).max() < np.ptp(before[:, :, :2].mean(1), axis=0).max()


def test_a_mesh_beside_its_made_armature_goes_with_it(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    place(item)
    use_video(tmp_path / "video")
    bpy.ops.align4d.generate()
    write_poses(blender, item)
    clean, constraints = names(), len(item.constraints)
    bpy.ops.align4d.make_keyframes()
    before, world = all_in_world(item), item.matrix_world.copy()
    size = float(np.ptp(before[0], axis=0).max())
    clean_up(item, root_motion=True)
    assert np.abs(all_in_world(item) - before).max() < 1e-4 * size
    rig = blender.align4d_blender.result.made_armature.of(item)
    go_to(FRAMES - 1)
    assert rig.matrix_world.translation.length > 0 and np.abs(np.array(item.matrix_world) - np.array(world)).max() > 0.1
    item.align4d.muted = True
    bpy.context.view_layer.update()
    assert len(item.constraints) == constraints and np.abs(np.array(item.matrix_world) - np.array(world)).max() < 1e-6
    item.align4d.muted = False
    assert np.abs(all_in_world(item) - before).max() < 1e-4 * size
    bpy.ops.align4d.use_point_cache()
    bpy.context.view_layer.update()
    assert names() == clean and len(item.constraints) == constraints and np.abs(np.array(item.matrix_world) - np.array(world)).max() < 1e-6


def test_a_loop_goes_on_over_the_ground(blender: ModuleType, tmp_path: Path) -> None:
    """The poses come back to the first one, and the object does not."""
    item, rig, _ = generate_limb(blender, tmp_path)
    bpy.ops.align4d.make_keyframes()
    clean_up(item, root_motion=True, loop=True)
    first = evaluated_at(item, 0)
    assert np.abs(evaluated_at(item, FRAMES - 1) - first).max() < 1e-4 * 4
    assert np.ptp(np.array(own_places(blender, rig)["location"]), axis=1).max() > 0.1


def evaluated_at(item: bpy.types.Object, index: int) -> np.ndarray:
    go_to(index)
    return evaluated(item)


def test_what_turns_is_put_on_the_object_but_for_its_sway(blender: ModuleType) -> None:
    """A body that walks a quarter of a circle, its hips swaying: the object turns with the circle."""
    root = importlib.import_module(f"{blender.__name__}.align4d_blender.result.root_motion")
    count = 97
    circle, sway = np.linspace(0, np.pi / 2, count), 0.3 * np.sin(2 * np.pi * np.arange(count) / 16)
    body = np.array([np.array(Matrix.Rotation(angle, 4, "Z")) for angle in circle + sway])
    body[:, 0, 3], body[:, 1, 3] = 5 * np.sin(circle), 5 - 5 * np.cos(circle)
    moved = root._over_ground(body, np.eye(4), 0.0, True)
    np.testing.assert_allclose((moved @ body[0])[:, :3, 3], body[:, :3, 3], atol=1e-9)
    angles = np.arctan2(moved[:, 1, 0], moved[:, 0, 0])
    assert np.abs(angles - circle).max() < 0.1 < np.abs(sway).max()


@pytest.mark.parametrize("mode", ["QUATERNION", "AXIS_ANGLE", "YXZ"])
def test_every_rotation_mode_of_the_object(blender: ModuleType, tmp_path: Path, mode: str) -> None:
    item, rig, _ = generate_limb(blender, tmp_path)
    rig.rotation_mode = mode
    rig.delta_location, rig.delta_rotation_euler = (0.1, 0.2, 0.3), (0.1, 0.4, 0)
    select(item)
    bpy.ops.align4d.make_keyframes()
    before, size = all_in_world(item), float(np.ptp(all_in_world(item)[0], axis=0).max())
    clean_up(item, root_motion=True)
    assert np.abs(all_in_world(item) - before).max() < 1e-4 * size


def test_broken_off_at_any_slice_nothing_has_changed(blender: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As Esc does: keys that were there play on, and what was to come in their place is gone."""
    item, rig, _ = generate_limb(blender, tmp_path)
    keyframes, under_way = blender.align4d_blender.result.keyframes, blender.align4d_blender.capture.under_way
    bpy.ops.align4d.make_keyframes()
    monkeypatch.setattr(keyframes, "SLICE", 0.0)  # a slice a frame, however fast this machine is
    before, action, shown = names(), rig.animation_data.action, all_in_world(item)
    result = item.align4d.results[0]
    result.tolerance, result.root_motion = 0.5, True
    words, count = set(), 0
    while True:
        work = under_way.UnderWay("Reading", keyframes.cleaning(item))
        for _ in range(count):
            if work.go_on(0.0) is not None:
                break
            words.add(work.words.split(":")[0])
        else:
            work.abandon()
            assert names() == before and rig.animation_data.action == action and result.action == action
            np.testing.assert_allclose(all_in_world(item), shown, atol=1e-6)
            count = max(2 * count, 1)
            continue
        break
    assert words == {"Solving poses", "Writing keys"}
    assert rig.animation_data.action == result.action != action
