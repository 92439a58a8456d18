"""Generate 4D with the real engine: the motion arrives on the mesh, and bad videos get a sentence."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from tiny import positions, shown

from align4d.protocol import read_pc2, read_result


def generate(video: Path) -> None:
    """Chooses the video and presses the button."""
    bpy.context.scene.align4d.video = str(video)
    bpy.ops.align4d.generate()


def write_images(folder: Path, paint: bool) -> Path:
    """A sequence of three white images, with a small red square in the upper corner if `paint`; returns the first."""
    folder.mkdir()
    image = bpy.data.images.new("frame", 96, 96)
    for index in range(3):
        pixels = np.ones((96, 96, 4), np.float32)
        if paint:
            pixels[80:92, 80:92, 1:3] = 0.0
        image.pixels.foreach_set(pixels.ravel())
        image.save(filepath=str(folder / f"frame_{index:03d}.png"))
    bpy.data.images.remove(image)
    return folder / "frame_000.png"


def refusal(video: Path) -> str:
    """The error that the artist sees; checks that the scene stays as it was."""
    before = scene_state()
    with pytest.raises(RuntimeError) as caught:
        generate(video)
    assert scene_state() == before
    return str(caught.value)


def scene_state() -> object:
    """What a failed job must not change."""
    objects = {item.name: ([modifier.name for modifier in item.modifiers], item.align4d.job) for item in bpy.data.objects}
    counts = [len(blocks) for blocks in (bpy.data.meshes, bpy.data.cameras, bpy.data.images, bpy.data.materials, bpy.data.actions)]
    return objects, counts, bpy.context.scene.frame_current, bpy.context.scene.camera


def test_the_motion_arrives_on_the_mesh(fox: bpy.types.Object, tmp_path: Path) -> None:
    rest = positions(fox.data)
    uv = [tuple(loop.uv) for loop in fox.data.uv_layers.active.data]
    generate(tmp_path / "fox.mp4")
    folder = next((tmp_path / "align4d").iterdir())
    result = read_result(folder)
    motion = read_pc2(folder / result.objects[0].motion)
    start = fox.align4d.results[0].start
    assert result.frames == len(motion) == 3
    assert fox.modifiers[0].type == "MESH_CACHE"
    size = np.ptp(rest, axis=0).max()
    for index, frame in enumerate(motion):
        assert np.abs(shown(fox, start + index) - frame).max() < 1e-5 * size
    assert np.abs(motion[0] - rest).max() < 0.02 * size
    assert np.abs(motion[2] - rest).max() > 0.005 * size
    assert np.array_equal(positions(fox.data), rest) and [tuple(loop.uv) for loop in fox.data.uv_layers.active.data] == uv
    camera = bpy.data.objects["Align4D Camera"]
    assert np.allclose(np.array(camera.matrix_world), np.array(result.camera.matrix_world), atol=1e-5)
    assert camera.data.background_images[0].image is not None


def test_a_video_without_an_object(fox: bpy.types.Object, tmp_path: Path) -> None:
    sentence = refusal(write_images(tmp_path / "white", paint=False))
    assert "Traceback" not in sentence and sentence.count(".") >= 2  # what happened, and what to do
    assert "background" in sentence or "object" in sentence


def test_a_video_of_something_else(fox: bpy.types.Object, tmp_path: Path) -> None:
    """Either the job says that the two do not belong together, or the result's first note does."""
    with contextlib.suppress(RuntimeError):
        generate(write_images(tmp_path / "corner", paint=True))
    job = sys.modules["bl_ext.user_default.align4d.align4d_blender.jobs.queue"].current()
    said = " ".join([*job.notes[:1], str(job.error or "")])
    assert "not found" in said or "overlap" in said or "does not" in said, said


def test_a_movie_that_breaks_off_inside(fox: bpy.types.Object, tmp_path: Path) -> None:
    data = (tmp_path / "fox.mp4").read_bytes()
    (tmp_path / "noise.mp4").write_bytes(data[:64] + bytes(len(data) - 64))
    assert "noise.mp4 cannot be read" in refusal(tmp_path / "noise.mp4")


def test_an_unknown_setting_is_named(fox: bpy.types.Object, tmp_path: Path) -> None:
    bpy.context.scene.align4d.overrides = '{"tracking.speed": 3}'
    assert "tracking.speed" in refusal(tmp_path / "fox.mp4")


def test_the_engine_serves_one_job_after_another(fox: bpy.types.Object, tmp_path: Path) -> None:
    """A failed job must not spoil the next one, in the same process of the engine."""
    refusal(write_images(tmp_path / "white", paint=False))
    generate(tmp_path / "fox.mp4")
    assert fox.modifiers[0].type == "MESH_CACHE"
