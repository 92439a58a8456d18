"""The solved camera of a clip whose camera moves: it moves as that did, in step with the motion."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from fake_engine import FPS, FRAMES
from scenes import add_mesh, use_video


@pytest.fixture
def camera(blender: ModuleType, tmp_path: Path) -> bpy.types.Object:
    """The solved one of a job whose own camera went around the object, half a turn and more."""
    add_mesh()
    use_video(tmp_path / "video")
    scene = bpy.context.scene
    own, hub = bpy.data.objects.new("Own", bpy.data.cameras.new("Own")), bpy.data.objects.new("Hub", None)
    for item in (own, hub):
        scene.collection.objects.link(item)
    own.parent, own.location, own.rotation_euler = hub, (0, -5, 0), (np.pi / 2, 0, 0)
    scene.camera = own
    for frame, angle in ((1, 0.0), (5, 4.0)):
        hub.rotation_euler.z = angle
        hub.keyframe_insert("rotation_euler", frame=frame)
    scene.frame_set(1)
    assert bpy.ops.align4d.generate() == {"FINISHED"}
    return bpy.data.objects["Align4D Camera"]


def assert_follows(camera: bpy.types.Object, start: float, rate: float) -> None:
    """At each frame of the motion it stands where the artist's own stood one frame of the scene for each."""
    scene, own = bpy.context.scene, bpy.data.objects["Own"]
    for index in range(FRAMES):
        scene.frame_set(1 + index)
        wanted = np.array(own.matrix_world)
        frame = start + index / rate
        scene.frame_set(int(frame), subframe=frame % 1)
        np.testing.assert_allclose(camera.matrix_world, wanted, atol=1e-4)


def test_it_follows_the_motion_wherever_that_is_played(camera: bpy.types.Object) -> None:
    rate = FPS / bpy.context.scene.render.fps
    assert_follows(camera, 1, rate)
    result = next(item for item in bpy.data.objects if item.type == "MESH").align4d.results[0]
    result.start, result.speed = 31, 2.0
    assert_follows(camera, 31, 2 * rate)
    bpy.context.scene.frame_set(31 + 100)
    assert np.abs(np.array(camera.matrix_world)[:3, 3]).max() > 1, "it stays where the motion ends"


def test_its_action_goes_with_it(camera: bpy.types.Object) -> None:
    assert camera.animation_data.action
    bpy.ops.align4d.remove_result("EXEC_DEFAULT")
    assert not [action for action in bpy.data.actions if action.name.startswith("Align4D Camera")]
