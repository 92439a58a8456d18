"""What the panel says of a clip's background before anything runs."""

from __future__ import annotations

import os
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from scenes import add_mesh, use_video
from test_panel import draw

ISNET = {"id": "isnet-general-use", "role": "masks", "name": "ISNet", "license": "Apache-2.0", "size_on_disk": 178_648_008, "there": False}
OTHER = {**ISNET, "id": "svd", "role": "image_to_video", "there": True}
NOISE = np.random.default_rng(0).random((96, 128, 3)).astype(np.float32)


def object_on(background: np.ndarray) -> np.ndarray:
    """A red square in the middle of a picture (H, W, 3 or 4)."""
    picture = np.array(background, np.float32)
    picture[30:60, 40:80, :3] = (0.9, 0.1, 0.1)
    return picture


def falloff() -> np.ndarray:
    """A gray that darkens towards the corners, (H, W, 3)."""
    y, x = np.mgrid[-1:1:96j, -1:1:128j]
    return np.repeat((0.8 - 0.15 * (x * x + y * y))[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("pixels", "background"),
    [
        (object_on(np.ones((96, 128, 3))), "plain"),
        (object_on(np.full((96, 128, 3), 0.3) + 0.02 * NOISE), "plain"),
        (object_on(falloff()), "plain"),
        (object_on(np.dstack([NOISE, np.zeros((96, 128))])), "alpha"),
        (object_on(np.dstack([np.ones((96, 128, 3)), np.ones((96, 128))])), "plain"),
        (object_on(NOISE), "busy"),
        (object_on(np.repeat(np.linspace(0, 1, 96)[:, None, None] > 0.5, 128, axis=1) * np.array([0.1, 0.8, 0.2])), "busy"),
    ],
)
def test_the_border_tells_the_background(blender: ModuleType, pixels: np.ndarray, background: str) -> None:
    assert blender.align4d_blender.capture.clip_check.picture_background(pixels) == background


@pytest.fixture
def check(blender: ModuleType, tmp_path: Path) -> Any:
    """The module, with a mesh and a clip of two pictures of noise."""
    found = blender.align4d_blender.capture.clip_check
    found.clear()
    add_mesh()
    write_noise(tmp_path / "busy_1.png")
    write_noise(tmp_path / "busy_2.png")
    bpy.context.scene.align4d.video = str(tmp_path / "busy_1.png")
    yield found
    found.clear()


def write_noise(path: Path) -> None:
    """A picture of noise."""
    image = bpy.data.images.new("noise", 128, 96)
    image.pixels.foreach_set(np.dstack([NOISE, np.ones((96, 128), np.float32)]).ravel())
    image.save(filepath=str(path))
    bpy.data.images.remove(image)


def engine_with(blender: ModuleType, monkeypatch: pytest.MonkeyPatch, installed: bool | None, *models: dict[str, Any]) -> None:
    """What the engine has said of its models."""
    told = blender.align4d_blender.runtime.models
    monkeypatch.setattr(told, "outdated", lambda: False)
    monkeypatch.setattr(told, "can_cut_out", lambda: installed)
    monkeypatch.setattr(told, "known", lambda: list(models))


@pytest.mark.parametrize(
    ("installed", "model", "sentence", "fix"),
    [
        (None, ISNET, "The background is not plain", ""),
        (False, ISNET, "has to be installed", "install_masks"),
        (True, ISNET, "ISNet cuts the object out (179 MB, Apache-2.0)", "fetch_model:isnet-general-use"),
        (True, {**ISNET, "there": True}, "ISNet cuts the object out", ""),
    ],
)
def test_a_busy_clip_says_what_it_needs(
    blender: ModuleType, check: Any, monkeypatch: pytest.MonkeyPatch, installed: bool | None, model: dict[str, Any], sentence: str, fix: str
) -> None:
    engine_with(blender, monkeypatch, installed, OTHER, model)
    assert check.need(bpy.context.scene) is None, "nobody has looked yet"
    check.look(bpy.context.scene)
    need = check.need(bpy.context.scene)
    assert need.sentence.endswith(sentence) and need.fix == fix
    shown = draw(blender).split("\n")
    button = {"": None, "install_masks": "Install Masks"}.get(fix, "Fetch Model")
    assert button is None or button in shown
    assert "Draw Box" in shown
    assert sum(words in shown for words in ("Install Masks", "Fetch Model")) == (button is not None)


def test_a_plain_clip_needs_nothing(blender: ModuleType, check: Any, tmp_path: Path) -> None:
    use_video(tmp_path / "plain")
    check.look(bpy.context.scene)
    assert check.need(bpy.context.scene) is None and not any(model in draw(blender) for model in ("Install Masks", "not plain"))


def test_a_clip_is_read_once_and_again_when_it_was_written(blender: ModuleType, check: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine_with(blender, monkeypatch, True, ISNET)
    read: list[Path] = []
    real = check._background
    monkeypatch.setattr(check, "_background", lambda path: read.append(path) or real(path))
    check.look(bpy.context.scene)
    check.look(bpy.context.scene)
    draw(blender)
    assert len(read) == 1
    os.utime(tmp_path / "busy_1.png", (1, 1))
    draw(blender)
    assert len(read) == 1, "drawing reads nothing"
    check.look(bpy.context.scene)
    assert len(read) == 2 and len(bpy.data.images) == 0


def test_what_cannot_be_read_says_nothing_here(check: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no movie")
    (tmp_path / "empty").mkdir()
    for name in ("broken.mp4", "nowhere.mp4", "empty", "nowhere.png"):
        bpy.context.scene.align4d.video = str(tmp_path / name)
        check.look(bpy.context.scene)
        assert check.need(bpy.context.scene) is None


@pytest.fixture
def report(blender: ModuleType, check: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, whose engine answers what a test says; the questions are kept in `asked`."""
    found = blender.align4d_blender.capture.clip_report
    found.question.shut_down()
    engine_with(blender, monkeypatch, True, {**ISNET, "there": True})
    found.asked = []
    found.answer = Future()
    monkeypatch.setattr(blender.align4d_blender.runtime.ask, "submit", lambda words: found.asked.append(words) or found.answer)
    yield found
    found.question.shut_down()


def finding(code: str, sentence: str, fix: str = "", good: bool = False) -> dict[str, Any]:
    return {"code": code, "good": good, "sentence": sentence, "fix": fix}


def test_what_is_bad_about_a_clip_is_said_before_generate_with_its_button(blender: ModuleType, report: Any) -> None:
    assert "Check Clip" in draw(blender).split("\n"), "nobody has asked yet"
    report.ask_about(bpy.context.scene)
    assert "Looking at the clip" in draw(blender)
    length = finding("length", "20 frames, 0.8 seconds.", good=True)
    report.answer.set_result({"findings": [finding("cuts", "The video cuts at frame 9 of 20.", "end_earlier:8"), length]})
    shown = draw(blender)
    assert "cuts at frame 9" in shown and "End Earlier" in shown and "0.8 seconds" not in shown
    bpy.ops.align4d.end_earlier(frames=8)
    assert "Check Clip" in draw(blender).split("\n"), "another range is another clip"
    report.answer = Future()
    report.answer.set_result({"findings": [length]})
    bpy.ops.align4d.check_clip()
    assert "20 frames, 0.8 seconds" in draw(blender)
    assert report.asked[1][report.asked[1].index("--last") + 1] == "8"


def test_a_clip_is_asked_about_once_with_all_its_images(report: Any, tmp_path: Path) -> None:
    for _ in range(2):
        report.ask_about(bpy.context.scene)
    assert len(report.asked) == 1 and report.asked[0][:3] == ["check", str(tmp_path / "busy_1.png"), str(tmp_path / "busy_2.png")]


def test_a_clip_is_asked_about_again_when_it_was_written_and_drawing_asks_no_disk(
    blender: ModuleType, report: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report.ask_about(bpy.context.scene)
    os.utime(tmp_path / "busy_1.png", (1, 1))
    report.ask_about(bpy.context.scene)
    assert len(report.asked) == 2
    monkeypatch.setattr(blender.align4d_blender.storage.remembered, "SECONDS", 60.0)
    draw(blender)
    asked: list[Path] = []
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path, **options: asked.append(path) or real(path, **options))
    assert "Looking at the clip" in draw(blender)
    assert tmp_path / "busy_1.png" not in asked


def test_a_clip_that_cannot_be_read_says_so(blender: ModuleType, report: Any) -> None:
    report.ask_about(bpy.context.scene)
    error = blender.align4d_blender.errors.UserError("video_unreadable", "It is no movie.", "Choose another.", "choose_video")
    report.answer.set_exception(error)
    assert "It is no movie. Choose another." in draw(blender) and "Choose Video" in draw(blender)
