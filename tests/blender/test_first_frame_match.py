"""Match First Frame: the mesh as the start camera sees it against the clip's first frame, before anything runs."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from scenes import add_mesh
from test_first_frame import add_camera
from test_panel import draw

GOOD = {"overlap": 0.9, "good": True, "sentence": "The mesh agrees with the first frame by 90%."}


def write(path: Path, pixels: np.ndarray) -> None:
    """A PNG file of pixels (H, W, 4) in [0, 1], bottom row first."""
    image = bpy.data.images.new("picture", pixels.shape[1], pixels.shape[0], alpha=True)
    image.pixels.foreach_set(pixels.astype(np.float32).ravel())
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)


@pytest.fixture
def match(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, with a mesh, a camera and a clip of two pictures; its engine answers what a test says."""
    found = blender.align4d_blender.capture.first_frame_match
    found.shut_down()
    item = add_mesh()
    item.select_set(True)
    bpy.context.view_layer.objects.active = item
    add_camera()
    for number in (1, 2):
        write(tmp_path / f"clip_{number}.png", np.ones((48, 96, 4)))
    bpy.context.scene.align4d.video = str(tmp_path / "clip_1.png")
    found.asked, found.answer = [], Future()
    monkeypatch.setattr(blender.align4d_blender.runtime.ask, "submit", lambda words: found.asked.append(words) or found.answer)
    yield found
    found.shut_down()


def test_the_mesh_goes_to_the_engine_as_it_stands_before_the_start_camera(match: Any, tmp_path: Path) -> None:
    before = [set(kind) for kind in (bpy.data.scenes, bpy.data.objects, bpy.data.meshes, bpy.data.cameras, bpy.data.images)]
    scene, item = bpy.context.scene, bpy.context.object
    scene.align4d.camera = "SCENE"
    item.location.x = 3.0
    item.modifiers.new("Triangulate", "TRIANGULATE")
    bpy.context.view_layer.update()
    match.ask_about(bpy.context)
    words = match.asked[0]
    assert words[:3] == ["match", str(tmp_path / "clip_1.png"), str(tmp_path / "clip_2.png")] and words[words.index("--first") + 1] == "1"
    with np.load(words[words.index("--mesh") + 1]) as file:
        vertices, triangles, matrix, fovy = (file[name] for name in ("vertices", "triangles", "matrix_world", "fovy"))
    assert vertices.shape[1] == triangles.shape[1] == 3 and triangles.max() < len(vertices)
    own = np.array([item.matrix_world @ vertex.co for vertex in item.data.vertices])
    np.testing.assert_allclose(np.sort(vertices, axis=0), np.sort(own, axis=0), atol=1e-5)
    np.testing.assert_allclose(matrix, np.array(scene.camera.matrix_world), atol=1e-6)
    assert 10 < fovy < 60, "of a frame that is twice as wide as high"
    assert [set(kind) for kind in (bpy.data.scenes, bpy.data.objects, bpy.data.meshes, bpy.data.cameras, bpy.data.images)] == before


def test_the_panel_says_what_was_found(blender: ModuleType, match: Any) -> None:
    assert "Match First Frame" in draw(blender).split("\n")
    match.ask_about(bpy.context)
    assert "Looking at the first frame" in draw(blender)
    write(Path(match.asked[0][match.asked[0].index("--out") + 1]), np.ones((48, 96, 4)))
    match.answer.set_result(GOOD)
    assert "by 90%" in draw(blender) and "Match First Frame" in draw(blender).split("\n"), "it can be asked again"
    bpy.context.scene.align4d.first = 2
    assert "by 90%" not in draw(blender), "another frame is another question"


def test_a_clip_that_says_nothing_says_why(blender: ModuleType, match: Any) -> None:
    match.ask_about(bpy.context)
    match.answer.set_exception(blender.align4d_blender.errors.UserError("video_unreadable", "It is no movie.", "Choose another.", "choose_video"))
    assert "It is no movie. Choose another." in draw(blender)


def test_without_a_mesh_or_a_video_there_is_nothing_to_compare(match: Any) -> None:
    for item in bpy.context.selected_objects:
        item.select_set(False)
    with pytest.raises(RuntimeError, match="Select the mesh"):
        bpy.ops.align4d.match_first_frame()
    bpy.context.scene.align4d.video = ""
    with pytest.raises(RuntimeError, match="Choose a video"):
        bpy.ops.align4d.match_first_frame()
