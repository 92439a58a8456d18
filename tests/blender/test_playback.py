"""How results are played: start, speed, range, strength, mute, several results and switching; and what goes out of them as shape keys."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FPS, FRAMES, moved
from scenes import add_armature, add_mesh, evaluated, local, select, use_video


@pytest.fixture
def fox(blender: ModuleType, tmp_path: Path) -> bpy.types.Object:
    """A mesh with a result, in a scene of the video's frame rate: a frame of the motion a frame of the scene, from frame 1 on."""
    bpy.context.scene.render.fps = int(FPS)
    use_video(tmp_path / "video")
    item = add_mesh("Fox")
    bpy.ops.align4d.generate()
    return item


def assert_shown(item: bpy.types.Object, rest: np.ndarray, frame: float, motion_frame: float) -> None:
    """The scene's frame shows that frame of the motion, in-between frames blended."""
    bpy.context.scene.frame_set(int(frame), subframe=frame % 1)
    before, part = int(motion_frame), motion_frame % 1
    wanted = (1 - part) * moved(rest, before) + part * moved(rest, min(before + 1, FRAMES - 1))
    np.testing.assert_allclose(evaluated(item), wanted, atol=2e-5)


def background_frame(camera: bpy.types.Object) -> int:
    """The number of the clip's frame that stands behind the mesh, counted from 0."""
    lens = camera.data.evaluated_get(bpy.context.evaluated_depsgraph_get())
    user = lens.background_images[0].image_user
    passed = min(max(bpy.context.scene.frame_current - user.frame_start + 1, 1), user.frame_duration)
    return passed + user.frame_offset - 1


@pytest.mark.parametrize(
    ("start", "speed", "first", "last", "shown"),
    [
        (1, 1.0, 1, FRAMES, {-3: 0, 1: 0, 3: 2, 5: 4, 40: 4}),
        (101, 1.0, 1, FRAMES, {1: 0, 101: 0, 104: 3}),
        (1, 2.0, 1, FRAMES, {1: 0, 2: 2, 3: 4, 9: 4}),
        (1, 0.5, 1, FRAMES, {2: 0.5, 5: 2}),
        (11, 1.0, 2, 4, {1: 1, 11: 1, 12: 2, 13: 3, 14: 3, 90: 3}),
        (11, 0.5, 2, 4, {11: 1, 12: 1.5, 15: 3, 90: 3}),
        (1, 1.0, 4, 2, {1: 3, 7: 3}),
    ],
)
def test_start_speed_and_range(fox: bpy.types.Object, start: int, speed: float, first: int, last: int, shown: dict[int, float]) -> None:
    result = fox.align4d.results[0]
    result.start, result.speed, result.first, result.last = start, speed, first, last
    camera = bpy.data.objects["Align4D Camera"]
    for frame, motion_frame in shown.items():
        assert_shown(fox, local(fox), frame, motion_frame)
        assert background_frame(camera) == int(motion_frame), f"the clip is out of step at frame {frame}"


def test_back_to_the_whole_motion_needs_no_driver(fox: bpy.types.Object) -> None:
    result = fox.align4d.results[0]
    result.last = 3
    assert len(fox.animation_data.drivers) == 1
    result.last = FRAMES
    assert not fox.animation_data.drivers
    assert_shown(fox, local(fox), 5, 4)


def test_strength_blends_with_the_rest_pose(fox: bpy.types.Object) -> None:
    fox.modifiers["Align4D"].factor = 0.25
    bpy.context.scene.frame_set(5)
    np.testing.assert_allclose(evaluated(fox), 0.75 * local(fox) + 0.25 * moved(local(fox), 4), atol=2e-5)


def test_mute(fox: bpy.types.Object) -> None:
    bpy.context.scene.frame_set(5)
    fox.align4d.muted = True
    np.testing.assert_allclose(evaluated(fox), local(fox), atol=1e-6)
    assert not fox.modifiers["Align4D"].show_render
    fox.align4d.muted = False
    assert_shown(fox, local(fox), 5, 4)


def second_result(fox: bpy.types.Object) -> np.ndarray:
    """Generates again from another shape; returns that shape. The engine moves the mesh that it gets."""
    shape = local(fox) * np.float32(1.5)
    fox.data.vertices.foreach_set("co", shape.ravel())
    fox.data.update()
    select(fox)
    bpy.ops.align4d.generate()
    return shape


def test_several_results_and_switching(blender: ModuleType, fox: bpy.types.Object) -> None:
    first = local(fox)
    second = second_result(fox)
    tag = fox.align4d
    assert len(tag.results) == 2 and tag.active == 1 and [modifier.name for modifier in fox.modifiers] == ["Align4D"]
    assert_shown(fox, second, 5, 4)
    cameras = [blender.align4d_blender.result.solved_camera.cameras(result.job)[0] for result in tag.results]
    assert cameras[0].hide_viewport and not cameras[1].hide_viewport and bpy.context.scene.camera == cameras[1]
    tag.active = 0
    assert_shown(fox, first, 5, 4)
    assert not cameras[0].hide_viewport and cameras[1].hide_viewport and bpy.context.scene.camera == cameras[0]
    tag.results[1].start = 50
    assert_shown(fox, first, 5, 4)
    tag.active = 1
    assert_shown(fox, second, 52, 2)


def test_removing_one_result_plays_the_other(blender: ModuleType, fox: bpy.types.Object) -> None:
    first = local(fox)
    second_result(fox)
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert len(fox.align4d.results) == 1 and len([item for item in bpy.data.objects if item.type == "CAMERA"]) == 1
    assert_shown(fox, first, 5, 4)
    assert not bpy.data.objects["Align4D Camera"].hide_viewport
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert not fox.modifiers and not fox.align4d.is_property_set("results")


def test_objects_of_one_job_are_played_together(blender: ModuleType, fox: bpy.types.Object) -> None:
    cub = add_mesh("Cub", 1)
    select(fox, cub)
    bpy.ops.align4d.generate()
    cub.align4d.results[0].start = 20
    assert fox.align4d.results[1].start == 20 and fox.align4d.results[0].start == 1
    assert_shown(fox, local(fox), 22, 2)
    fox.align4d.active = 0
    assert_shown(fox, local(fox), 3, 2)
    cub.align4d.results[0].start = 30  # not what the fox plays now
    assert_shown(fox, local(fox), 3, 2)
    assert_shown(cub, local(cub), 33, 3)


def test_results_are_saved_and_moved_with_the_file(blender: ModuleType, fox: bpy.types.Object, tmp_path: Path) -> None:
    """Both results lie in the user folder until the file has a place."""
    first = local(fox)
    second = second_result(fox)
    fox.align4d.results[1].start = 7
    home = tmp_path / "project"
    home.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "fox.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    home.rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "fox.blend"))
    fox = bpy.data.objects["Fox"]
    assert all(result.motion.startswith("//align4d") for result in fox.align4d.results)
    assert not list((tmp_path / "moved").rglob("*.lock")), "Windows could not even copy them"
    assert_shown(fox, second, 9, 2)
    fox.align4d.active = 0
    assert_shown(fox, first, 5, 4)


@pytest.mark.parametrize("copy", [False, True])
def test_results_are_found_after_saving_in_another_folder(blender: ModuleType, fox: bpy.types.Object, tmp_path: Path, copy: bool) -> None:
    """Of two results only one is in the modifier, whose path Blender looks after itself."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "one" / "fox.blend"))
    first = local(fox)
    second_result(fox)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "two" / "fox.blend"), copy=copy)
    for blend in ("one", "two") if copy else ("two",):
        if blend == "two":
            bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "two" / "fox.blend"))
        fox = bpy.data.objects["Fox"]
        assert all(Path(bpy.path.abspath(result.motion)).is_file() for result in fox.align4d.results)
        fox.align4d.active = 0
        assert_shown(fox, first, 5, 4)


def test_the_clip_camera_shows_the_clip_alone(blender: ModuleType, fox: bpy.types.Object) -> None:
    """Splitting a view needs a window: scripts/window.py does that. Here: what is shown in the second view."""
    solved = bpy.data.objects["Align4D Camera"]
    clip = blender.align4d_blender.result.solved_camera.clip_camera(solved)
    background = clip.data.background_images[0]
    assert (background.alpha, background.display_depth) == (1.0, "FRONT") and clip.data != solved.data
    assert solved.data.background_images[0].alpha == 0.5
    fox.align4d.results[0].start = 11
    for frame in (11, 13, 15):
        bpy.context.scene.frame_set(frame)
        assert background_frame(clip) == background_frame(solved) == frame - 11
    bpy.ops.align4d.remove_result()
    assert not [item for item in bpy.data.objects if item.type == "CAMERA"] and not bpy.data.cameras


@pytest.mark.parametrize("prepare", ["plain", "keyed", "armature"])
def test_bake_to_shape_keys(blender: ModuleType, tmp_path: Path, prepare: str) -> None:
    """The baked keys show what the point cache showed, at every frame and between them."""
    bpy.context.scene.render.fps = 30  # not the video's
    use_video(tmp_path / "video")
    item = add_mesh("Fox")
    if prepare == "keyed":
        item.shape_key_add(name="Basis")
        key = item.shape_key_add(name="Wide")
        key.data.foreach_set("co", (local(item) * np.array([2, 1, 1])).astype(np.float32).ravel())
        key.value = 0.5
    if prepare == "armature":
        add_armature(item)
        bpy.context.scene.align4d.form = "CACHE"
    bpy.ops.align4d.generate()
    item.align4d.results[0].last = 4
    item.align4d.results[0].start = 3
    frames = [1, 3, 4.25, 5.5, 6, 8, 10.5, 20]

    def shapes() -> list[np.ndarray]:
        found = []
        for frame in frames:
            bpy.context.scene.frame_set(int(frame), subframe=frame % 1)
            found.append(evaluated(item))
        return found

    played = shapes()
    assert np.abs(played[5] - played[0]).max() > 0.05
    assert bpy.ops.align4d.bake_shape_keys() == {"FINISHED"}
    assert item.align4d.muted and not item.modifiers["Align4D"].show_viewport
    baked = [key.name for key in item.data.shape_keys.key_blocks if key.name.startswith("Align4D")]
    assert baked == ["Align4D 0001", "Align4D 0002", "Align4D 0003", "Align4D 0004"]
    for shape, wanted in zip(shapes(), played, strict=True):
        np.testing.assert_allclose(shape, wanted, atol=3e-5)


def test_what_cannot_become_shape_keys_is_said(fox: bpy.types.Object) -> None:
    twin = bpy.data.objects.new("Twin", fox.data)
    with pytest.raises(RuntimeError, match="shares its mesh"):
        bpy.ops.align4d.bake_shape_keys()
    bpy.data.objects.remove(twin)
    Path(bpy.path.abspath(fox.align4d.results[0].motion)).unlink()
    with pytest.raises(RuntimeError, match="cannot be read"):
        bpy.ops.align4d.bake_shape_keys()
    assert fox.data.shape_keys is None
