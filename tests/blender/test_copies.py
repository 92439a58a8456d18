"""Copies of an animated object: they play the same file, each with its own start and speed, and go without taking anything from the others."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FPS, moved
from scenes import add_mesh, evaluated, local, select, use_video


@pytest.fixture
def fox(blender: ModuleType, tmp_path: Path) -> bpy.types.Object:
    """A mesh with a result in a saved file, in a scene of the video's frame rate."""
    bpy.context.scene.render.fps = int(FPS)
    use_video(tmp_path / "video")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    item = add_mesh("Fox")
    bpy.ops.align4d.generate()
    return item


def duplicate(*items: bpy.types.Object) -> list[bpy.types.Object]:
    """Shift-D."""
    select(*items)
    bpy.ops.object.duplicate()
    return [bpy.data.objects[f"{item.name}.001"] for item in items]


def assert_shown(item: bpy.types.Object, frame: int, motion_frame: int) -> None:
    bpy.context.scene.frame_set(frame)
    np.testing.assert_allclose(evaluated(item), moved(local(item), motion_frame), atol=2e-5)


def test_a_copy_has_its_own_start_and_speed(fox: bpy.types.Object) -> None:
    (copy,) = duplicate(fox)
    clip = bpy.data.objects["Align4D Camera"].data.background_images[0].image_user
    copy.align4d.results[0].start, copy.align4d.results[0].speed = 20, 2.0
    assert (fox.align4d.results[0].start, fox.align4d.results[0].speed, clip.frame_start) == (1, 1.0, 1)
    assert_shown(fox, 4, 3)
    assert_shown(copy, 4, 0)
    assert_shown(copy, 21, 2)
    fox.align4d.results[0].start = 5
    assert copy.align4d.results[0].start == 20 and clip.frame_start == 5, "the camera goes with what its job moves"
    assert_shown(copy, 21, 2)


def test_a_copy_stays_one_in_a_later_session(fox: bpy.types.Object, tmp_path: Path) -> None:
    """Under a name that comes before the other's in the file."""
    duplicate(fox)[0].name = "A Copy"
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
    fox, copy = bpy.data.objects["Fox"], bpy.data.objects["A Copy"]
    fox.align4d.results[0].start = 9
    clip = bpy.data.objects["Align4D Camera"].data.background_images[0].image_user
    assert copy.align4d.results[0].start == 1 and clip.frame_start == 9


def test_objects_that_were_copied_together_are_played_together(fox: bpy.types.Object) -> None:
    cub = add_mesh("Cub", 1)
    select(fox, cub)
    bpy.ops.align4d.generate()
    fox_copy, cub_copy = duplicate(fox, cub)
    cub_copy.align4d.results[0].start = 30
    assert [item.align4d.results[-1].start for item in (fox_copy, cub_copy, fox, cub)] == [30, 30, 1, 1]
    select(cub_copy)
    cub_copy.align4d.results[0].start = 40
    assert [item.align4d.results[-1].start for item in (fox_copy, cub_copy)] == [30, 40]


def test_another_result_of_a_copy_is_its_own_choice(fox: bpy.types.Object) -> None:
    select(fox)
    bpy.ops.align4d.generate()
    (copy,) = duplicate(fox)
    copy.align4d.active = 0
    assert fox.align4d.active == 1 and fox.align4d.job != copy.align4d.job


@pytest.mark.parametrize("removed", ["copy", "original"])
def test_removing_one_leaves_the_other_its_motion_and_the_camera(fox: bpy.types.Object, tmp_path: Path, removed: str) -> None:
    (copy,) = duplicate(fox)
    gone, left = (copy, fox) if removed == "copy" else (fox, copy)
    select(gone)
    assert bpy.ops.align4d.remove_result(with_files=True) == {"FINISHED"}
    assert not gone.modifiers and not gone.align4d.job and "Align4D Camera" in bpy.data.objects
    name = left.name
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
    left = bpy.data.objects[name]
    assert_shown(left, 4, 3)
    left.align4d.results[0].start = 11
    assert bpy.data.objects["Align4D Camera"].data.background_images[0].image_user.frame_start == 11
    select(left)
    bpy.ops.align4d.remove_result(with_files=True)
    assert "Align4D Camera" not in bpy.data.objects


def test_a_copy_of_the_whole_scene_has_its_own_camera(fox: bpy.types.Object) -> None:
    bpy.ops.scene.new(type="FULL_COPY")
    scene = bpy.context.scene
    copy = next(item for item in scene.objects if item.type == "MESH")
    camera = next(item for item in scene.objects if item.type == "CAMERA")
    assert copy != fox
    copy.align4d.results[0].start = 12
    starts = [item.data.background_images[0].image_user.frame_start for item in (camera, bpy.data.objects["Align4D Camera"])]
    assert fox.align4d.results[0].start == 1 and starts == [12, 1]


def test_a_job_on_a_copy_moves_the_copy(fox: bpy.types.Object) -> None:
    (copy,) = duplicate(fox)
    copy.align4d.results[0].start = 20
    select(copy)
    bpy.ops.align4d.generate()
    assert len(copy.align4d.results) == 2 and len(fox.align4d.results) == 1
    copy.align4d.results[0].start = 30
    assert fox.align4d.results[0].start == 1, "it is still a copy in what it was copied with"
