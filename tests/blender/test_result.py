"""What arrives in the scene: the engine's vertices, frame by frame, below the artist's own modifiers; the camera; and nothing once removed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FPS, FRAMES, moved
from scenes import add_armature, add_mesh, evaluated, local, names, place, select, use_video


def generate(folder: Path) -> None:
    bpy.context.scene.align4d.form = "CACHE"
    use_video(folder / "video")
    assert bpy.ops.align4d.generate() == {"FINISHED"}


def scene_frame(index: int) -> float:
    """Where on the timeline a frame of the video is shown."""
    scene = bpy.context.scene
    return scene.frame_start + index * scene.render.fps / scene.render.fps_base / FPS


def go_to(index: int) -> None:
    frame = scene_frame(index)
    bpy.context.scene.frame_set(int(frame), subframe=frame % 1)


def assert_moves(item: bpy.types.Object, rest: np.ndarray) -> None:
    """The object shows the engine's vertices at every frame of the video, to 1e-5 of its longest side."""
    tolerance = 1e-5 * float(np.ptp(rest, axis=0).max())
    for index in range(FRAMES):
        go_to(index)
        np.testing.assert_allclose(evaluated(item), moved(rest, index), rtol=0, atol=tolerance)


def test_plain_object(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    generate(tmp_path)
    assert_moves(item, local(item))


@pytest.mark.parametrize(("start", "fps", "base"), [(1, 24, 1.0), (101, 30, 1.001), (-7, 12, 1.0)])
def test_start_frame_and_frame_rate(blender: ModuleType, tmp_path: Path, start: int, fps: int, base: float) -> None:
    scene = bpy.context.scene
    scene.frame_start, scene.render.fps, scene.render.fps_base = start, fps, base
    scene.frame_set(scene.frame_start)  # Blender keeps the range from going below 0
    item = add_mesh()
    generate(tmp_path)
    assert_moves(item, local(item))


def test_in_between_frames_blend(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    generate(tmp_path)
    bpy.context.scene.frame_set(2)  # half way between the video's frames 0 and 1
    np.testing.assert_allclose(evaluated(item), (moved(local(item), 0) + moved(local(item), 1)) / 2, atol=1e-5)


def test_placed_object(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    place(item)
    before = item.matrix_world.copy()
    generate(tmp_path)
    assert_moves(item, local(item))
    assert item.matrix_world == before


def test_subsurf_acts_on_the_motion(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    item.modifiers.new("Subdivision", "SUBSURF").levels = 2
    twin = item.copy()
    twin.data = item.data.copy()
    bpy.context.scene.collection.objects.link(twin)
    generate(tmp_path)
    assert [modifier.name for modifier in item.modifiers] == ["Align4D", "Subdivision"]
    rest = local(item)
    for index in range(FRAMES):
        go_to(index)
        twin.data.vertices.foreach_set("co", moved(rest, index).ravel())
        twin.data.update()
        np.testing.assert_allclose(evaluated(item), evaluated(twin), atol=1e-5)


@pytest.mark.parametrize("subdivided", [False, True])
def test_posed_armature_is_undone(blender: ModuleType, tmp_path: Path, subdivided: bool) -> None:
    item = add_mesh()
    place(item)
    add_armature(item)
    rest = evaluated(item)
    assert np.abs(rest - local(item)).max() > 0.1, "the pose does not move the mesh: this test shows nothing"
    surface = item.modifiers.new("Subdivision", "SUBSURF") if subdivided else None
    generate(tmp_path)
    assert [modifier.type for modifier in item.modifiers][:2] == ["MESH_CACHE", "ARMATURE"]
    if surface:
        item.modifiers.remove(surface)
    assert_moves(item, rest)


def add_lattice(item: bpy.types.Object) -> None:
    cage = bpy.data.objects.new("Cage", bpy.data.lattices.new("Cage"))
    bpy.context.scene.collection.objects.link(cage)
    cage.data.points_u = cage.data.points_v = cage.data.points_w = 3
    cage.scale = (4, 4, 4)
    cage.data.points[5].co_deform.x += 0.2
    cage.data.points[13].co_deform.z -= 0.2
    item.modifiers.new("Cage", "LATTICE").object = cage


def add_bend(item: bpy.types.Object) -> None:
    modifier = item.modifiers.new("Bend", "SIMPLE_DEFORM")
    modifier.deform_method, modifier.angle, modifier.deform_axis = "BEND", 0.6, "Z"


def add_smooth(item: bpy.types.Object) -> None:
    item.modifiers.new("Smooth", "SMOOTH").iterations = 3


@pytest.mark.parametrize("add", [add_lattice, add_bend, add_smooth])
def test_modifiers_that_bend_space_are_undone(blender: ModuleType, tmp_path: Path, add: Callable[[bpy.types.Object], None]) -> None:
    item = add_mesh()
    add(item)
    rest = evaluated(item)
    assert np.abs(rest - local(item)).max() > 0.02, "the modifier does not move the mesh: this test shows nothing"
    generate(tmp_path)
    assert_moves(item, rest)


def test_what_cannot_be_undone_is_said(blender: ModuleType, tmp_path: Path) -> None:
    item, floor = add_mesh("Fox"), add_mesh("Floor")
    item.modifiers.new("Wrap", "SHRINKWRAP").target = floor  # everything lies on the other mesh, whatever the motion says
    floor.scale = (2, 2, 2)
    select(item)
    generate(tmp_path)
    assert any("modifiers of Fox cannot be undone everywhere" in note for note in blender.align4d_blender.jobs.queue.current().notes)


def test_shape_keys_below_an_armature(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    item.shape_key_add(name="Basis")
    key = item.shape_key_add(name="Wide")
    key.data.foreach_set("co", (local(item) * np.array([2, 1, 1])).astype(np.float32).ravel())
    key.value = 0.5
    add_armature(item)
    rest = evaluated(item)
    generate(tmp_path)
    assert_moves(item, rest)
    assert [block.name for block in item.data.shape_keys.key_blocks] == ["Basis", "Wide"]


def test_shape_keys_are_in_the_rest_pose(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    item.shape_key_add(name="Basis")
    key = item.shape_key_add(name="Wide")
    key.data.foreach_set("co", (local(item) * np.array([2, 1, 1])).astype(np.float32).ravel())
    key.value = 0.5
    rest = evaluated(item)
    generate(tmp_path)
    assert_moves(item, rest)


def test_several_objects(blender: ModuleType, tmp_path: Path) -> None:
    first, second, third = add_mesh("First"), add_mesh("Second", 1), add_mesh("Third", 3)
    place(second)
    select(first, second)
    generate(tmp_path)
    assert_moves(first, local(first))
    assert_moves(second, local(second))
    assert not third.modifiers


def test_mesh_and_materials_are_untouched(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    item.data.materials.append(bpy.data.materials.new("Paint"))
    item.modifiers.new("Bevel", "BEVEL")
    vertices, uv = local(item), np.empty(len(item.data.loops) * 2, np.float32)
    item.data.uv_layers[0].uv.foreach_get("vector", uv)
    mesh, resolution = item.data, tuple(bpy.context.scene.render.resolution_percentage for _ in "x")
    generate(tmp_path)
    after = np.empty_like(uv)
    item.data.uv_layers[0].uv.foreach_get("vector", after)
    assert item.data == mesh and (local(item) == vertices).all() and (after == uv).all()
    assert [material.name for material in item.data.materials] == ["Paint"]
    assert [modifier.name for modifier in item.modifiers] == ["Align4D", "Bevel"]
    assert resolution == (bpy.context.scene.render.resolution_percentage,)


def test_generating_again_adds_a_result(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    generate(tmp_path)
    bpy.context.scene.align4d.start_at = "SCENE"
    bpy.context.scene.frame_set(9)
    generate(tmp_path)
    assert [modifier.name for modifier in item.modifiers] == ["Align4D"]
    assert len([camera for camera in bpy.data.objects if camera.type == "CAMERA" and not camera.hide_viewport]) == 1
    assert_moves(item, local(item))


def test_camera_sees_what_the_video_saw(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    resolution = (bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y)
    generate(tmp_path)
    camera = bpy.data.objects["Align4D Camera"]
    assert bpy.context.scene.camera == camera  # there was none
    assert (bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y) == resolution
    frame = [np.array(corner) for corner in camera.data.view_frame(scene=bpy.context.scene)]
    height, depth = np.ptp([corner[1] for corner in frame]), -frame[0][2]
    assert math.degrees(2 * math.atan(height / 2 / depth)) == pytest.approx(49.1, abs=1e-3)
    background = camera.data.background_images[0]
    assert background.image.source == "SEQUENCE" and camera.data.show_background_images


def test_background_stays_in_step(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    generate(tmp_path)
    lens = bpy.data.objects["Align4D Camera"].data
    for index in range(FRAMES):
        go_to(index)
        user = lens.evaluated_get(bpy.context.evaluated_depsgraph_get()).background_images[0].image_user
        shown = bpy.context.scene.frame_current - user.frame_start + 1 + user.frame_offset
        assert shown == index + 1
        assert user.frame_duration > bpy.context.scene.frame_current - user.frame_start


def test_background_starts_where_the_motion_does(blender: ModuleType, tmp_path: Path) -> None:
    """The engine leaves out a first picture that the clip shows twice."""
    add_mesh()
    generate(tmp_path)
    protocol = blender.engine.align4d.protocol
    extension, first = blender.align4d_blender, bpy.data.objects["Align4D Camera"].data.background_images[0]
    solved = protocol.CameraResult(((1.0, 0, 0, 0), (0, 1.0, 0, 0), (0, 0, 1.0, 0), (0, 0, 0, 1.0)), 49.1, 64, 48, 0.0, 0.0, 0.0, 3.0)
    result = protocol.Result("job", FRAMES, FPS, (), solved, skipped=1)
    video = protocol.VideoSpec(images=(bpy.path.abspath(first.image.filepath),))
    times = extension.result.playback.Playback(1, 1.0, 0, FRAMES - 1, True)
    later = extension.result.solved_camera.add_camera(bpy.context.scene, result, video, times)
    assert later.data.background_images[0].image_user.frame_offset == first.image_user.frame_offset + 1


def test_background_keeps_step_with_a_motion_of_another_rate(blender: ModuleType, tmp_path: Path) -> None:
    """A header of 60 over 24 true pictures: a frame of the motion is 2.5 of the clip's."""
    add_mesh()
    generate(tmp_path)
    protocol, extension = blender.engine.align4d.protocol, blender.align4d_blender
    solved = protocol.CameraResult(((1.0, 0, 0, 0), (0, 1.0, 0, 0), (0, 0, 1.0, 0), (0, 0, 0, 1.0)), 49.1, 64, 48, 0.0, 0.0, 0.0, 3.0)
    first = bpy.data.objects["Align4D Camera"].data.background_images[0]
    video = protocol.VideoSpec(images=(bpy.path.abspath(first.image.filepath),))
    times = extension.result.playback.Playback(1, 1.0, 0, 20, True)
    camera = extension.result.solved_camera.add_camera(bpy.context.scene, protocol.Result("job", 21, 24.0, (), solved, pace=2.5), video, times)
    user = camera.data.background_images[0].image_user
    for frame in (1, 2, 5, 11):
        bpy.context.scene.frame_set(frame)
        assert frame - 1 + user.frame_offset - camera.data["align4d_first_frame"] == int(2.5 * (frame - 1))


def test_scene_camera_stays_in_charge(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    own = bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))
    bpy.context.scene.collection.objects.link(own)
    own.location = (0, -6, 0)
    bpy.context.scene.camera = own
    generate(tmp_path)
    assert bpy.context.scene.camera == own


def test_one_undo_step(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh("Fox")
    use_video(tmp_path / "video")
    bpy.ops.ed.undo_push(message="what the artist did before")
    before = names()
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    assert names() != before
    bpy.ops.ed.undo()
    assert names() == before
    assert not bpy.data.objects["Fox"].modifiers and not bpy.data.objects["Fox"].align4d.job
    bpy.ops.ed.redo()
    assert_moves(bpy.data.objects["Fox"], local(bpy.data.objects["Fox"]))


def test_remove_leaves_the_scene_as_before(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    item.modifiers.new("Bevel", "BEVEL")
    use_video(tmp_path / "video")
    before = names()
    generate(tmp_path)
    assert bpy.ops.align4d.remove_result() == {"FINISHED"}
    assert names() == before
    assert [modifier.name for modifier in item.modifiers] == ["Bevel"]
    assert not item.align4d.job and not item.align4d.is_property_set("id")
    assert bpy.context.scene.camera is None


def test_saved_file_holds_relative_paths_and_its_result(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh("Fox")
    generate(tmp_path)  # not saved yet: the result lies in the user folder
    home = tmp_path / "project"
    home.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "fox.blend"))
    assert item.modifiers["Align4D"].filepath.startswith("//align4d")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    home.rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "fox.blend"))
    item = bpy.data.objects["Fox"]
    assert_moves(item, local(item))


def test_saved_while_the_job_ran(blender: ModuleType, tmp_path: Path) -> None:
    """The job began in the user folder; the result still ends beside the .blend, at the next save."""
    item = add_mesh("Fox")
    use_video(tmp_path / "video")
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    jobs.wait(job)
    assert_moves(item, local(item))
    bpy.ops.wm.save_mainfile()
    assert item.modifiers["Align4D"].filepath.startswith("//align4d")
    assert_moves(item, local(item))


def test_removing_gives_views_their_camera_back(blender: ModuleType, tmp_path: Path) -> None:
    """Without a window there is no current view: the button's work is done on the views of the file's screens."""
    own = bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))
    bpy.context.scene.collection.objects.link(own)
    bpy.context.scene.camera = own
    add_mesh()
    generate(tmp_path)
    spaces = [space for screen in bpy.data.screens for area in screen.areas for space in area.spaces if space.type == "VIEW_3D"]
    assert spaces
    blender.align4d_blender.result.solved_camera.look_through(bpy.data.objects["Align4D Camera"], spaces[0])
    assert spaces[0].camera.name == "Align4D Camera" and spaces[0].region_3d.view_perspective == "CAMERA"
    assert bpy.context.scene.camera == own, "what renders stays"
    bpy.ops.align4d.remove_result()
    assert not spaces[0].use_local_camera
