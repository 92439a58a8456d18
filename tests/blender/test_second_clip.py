"""A second clip of the same motion: chosen in the panel, and what the request says of it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from scenes import add_mesh, use_video, write_images
from test_panel import draw


@pytest.fixture
def side(blender: ModuleType, tmp_path: Path) -> bpy.types.Object:
    """Two clips are chosen; the camera of the second is yet to be."""
    add_mesh()
    use_video(tmp_path / "video")
    camera = bpy.data.objects.new("Side", bpy.data.cameras.new("Side"))
    bpy.context.scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler, camera.scale = (5, 0, 1), (np.pi / 2, 0, np.pi / 2), (3, 3, 3)
    bpy.context.view_layer.update()
    bpy.context.scene.align4d.second_video = str(write_images(tmp_path / "side", count=7))
    return camera


def captured(blender: ModuleType, folder: Path) -> tuple[object, ...]:
    return blender.align4d_blender.capture.capture.capture(bpy.context, "job", folder, "auto").request.views


def test_a_second_clip_needs_a_camera(blender: ModuleType, side: bpy.types.Object, tmp_path: Path) -> None:
    missing, settings = blender.align4d_blender.capture.guidance.missing, bpy.context.scene.align4d
    assert "second_camera" in missing(bpy.context) and "Choose where it was filmed from" in draw(blender, "second_clip")
    with pytest.raises(Exception, match="has no camera"):
        captured(blender, tmp_path / "none")
    settings.second_camera = side
    assert missing(bpy.context) == {}
    side.data.type = "ORTHO"
    assert "not a perspective camera" in missing(bpy.context)["second_camera"]
    settings.second_video = str(tmp_path / "gone.mp4")
    assert "There is no video" in missing(bpy.context)["second_video"]


def test_the_request_says_where_and_when_it_was_filmed(blender: ModuleType, side: bpy.types.Object, tmp_path: Path) -> None:
    settings = bpy.context.scene.align4d
    settings.second_camera = side
    (view,) = captured(blender, tmp_path / "found")
    assert len(view.video.images) == 7 and view.video.box == () and view.find_offset and view.camera.solve and view.camera.path == ()
    np.testing.assert_allclose(view.camera.matrix_world, side.matrix_world.normalized(), atol=1e-6)
    settings.second_find_offset, settings.second_offset = False, -0.25
    side.keyframe_insert("location", frame=1)
    side.location.y = 4
    side.keyframe_insert("location", frame=7)
    (view,) = captured(blender, tmp_path / "given")
    assert not view.find_offset and view.offset == -0.25 and len(view.camera.path) == 7
    settings.second_video = ""
    assert captured(blender, tmp_path / "without") == ()


def test_it_survives_save_and_load(blender: ModuleType, side: bpy.types.Object, tmp_path: Path) -> None:
    settings, chosen = bpy.context.scene.align4d, bpy.context.scene.align4d.second_video
    settings.second_camera, settings.second_find_offset, settings.second_offset = side, False, -0.25
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    (view,) = captured(blender, tmp_path / "again")
    assert Path(view.video.images[0]) == Path(chosen) and view.offset == -0.25 and not view.find_offset
    np.testing.assert_allclose(view.camera.matrix_world, bpy.data.objects["Side"].matrix_world.normalized(), atol=1e-6)


def test_a_script_gives_it_in_one_line(blender: ModuleType, side: bpy.types.Object, tmp_path: Path) -> None:
    settings, chosen = bpy.context.scene.align4d, bpy.context.scene.align4d.second_video
    settings.second_video = ""
    job = blender.generate(settings.video, second_video=chosen, second_camera=side, second_offset=0.5)
    (view,) = blender.engine.align4d.protocol.read_request(job.folder).views
    assert view.offset == 0.5 and not view.find_offset and len(view.video.images) == 7
    assert settings.second_video == "" and settings.second_camera is None and settings.second_find_offset
