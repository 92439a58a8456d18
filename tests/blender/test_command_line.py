"""Without a window: the command `align4d` and the function `generate`, by the same way as the button."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import bpy
import pytest
from scenes import add_mesh, select, write_images


@pytest.fixture
def scene(blender: ModuleType, tmp_path: Path) -> Path:
    """A saved .blend with two meshes, in a folder with a space and letters that are not ASCII; nothing is selected."""
    add_mesh("Fox"), add_mesh("Wolf", 1)
    bpy.ops.object.select_all(action="DESELECT")
    blend = tmp_path / "im schnee füchse" / "fox.blend"
    blend.parent.mkdir()
    write_images(blend.parent / "vidéo")
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    return blend


def run(blender: ModuleType, *words: object) -> int:
    return blender.align4d_blender.scripting.command_line.main([str(word) for word in words])


def test_no_window_is_needed(blender: ModuleType) -> None:
    """The context of a command has no screen, and with it no list of what is selected, no view and no undo history."""
    wolf, fox = add_mesh("Wolf"), add_mesh("Fox")
    select(fox, wolf)
    context = SimpleNamespace(view_layer=bpy.context.view_layer, scene=bpy.context.scene)
    choices = blender.align4d_blender.capture.choices
    assert choices.selected_meshes(context) == [fox, wolf]
    bpy.context.scene.align4d.camera = "VIEW"
    assert choices.chosen_camera(context) is None


def test_generate(blender: ModuleType, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.blend"
    video = scene.parent / "vidéo" / "frame_0001.png"
    bpy.context.scene.frame_set(5)
    options = [
        "--preset",
        "draft",
        "--camera",
        "FRONT",
        "--exact-camera",
        "--seed",
        3,
        "--start-at",
        "SCENE",
        "--set",
        "tracking.iterations=40",
        "--device",
        "cpu",
        "--box",
        0.1,
        0.2,
        0.6,
        0.7,
    ]
    assert run(blender, "generate", "--video", video, "--objects", "Fox", "Wolf", *options, "--save-as", out) == 0
    said = capsys.readouterr().out
    assert "%  Moving" in said and "The motion is on Fox, Wolf" in said and "A note of the engine." in said
    request = json.loads((blender.align4d_blender.jobs.queue.current().folder / "request.json").read_text(encoding="utf-8"))
    assert (request["preset"], request["seed"], request["settings"]) == ("draft", 3, {"tracking.iterations": 40})
    assert (request["camera"]["solve"], request["device"]) == (False, "cpu")
    assert [round(side, 3) for side in request["video"]["box"]] == [0.1, 0.2, 0.6, 0.7] and tuple(bpy.context.scene.align4d.box) == (0, 0, 0, 0)
    bpy.ops.wm.open_mainfile(filepath=str(out))
    assert bpy.context.scene.align4d.preset == "artist", "the panel's own choices stay"
    for name in ("Fox", "Wolf"):
        item = bpy.data.objects[name]
        assert item.modifiers["Align4D"] and not item.select_get() and item.align4d.results[0].start == 1
        assert Path(bpy.path.abspath(item.align4d.results[0].motion)).is_file()


def test_generate_saves_over_the_opened_file(blender: ModuleType, scene: Path) -> None:
    assert run(blender, "generate", "--video", scene.parent / "vidéo", "--objects", "Fox") == 0
    bpy.ops.wm.open_mainfile(filepath=str(scene))
    assert bpy.data.objects["Fox"].modifiers["Align4D"]


@pytest.mark.parametrize(
    ("words", "sentence", "code"),
    [
        (["generate", "--objects", "Dog"], "There is no mesh called Dog. The meshes of this file: Fox, Wolf.", 1),
        (["generate", "--objects", "Fox"], "No reference video is chosen", 1),
        (["generate"], "No mesh is selected", 1),
        (["generate", "--objects", "Fox", "--preset", "best"], "preset cannot be 'best'", 1),
        (["resume"], "No job of this file has broken off", 1),
        (["install"], "Allow Online Access", 1),
        (["dance"], "invalid choice", 2),
        (["generate", "--set", "speed"], "is not KEY=VALUE", 2),
    ],
)
def test_refusals(blender: ModuleType, scene: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str, code: int) -> None:
    assert run(blender, *words) == code
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said


def test_a_failed_job_is_an_exit_code_and_can_be_resumed(
    blender: ModuleType, scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a render farm does it: another process tries again."""
    monkeypatch.setenv("FAKE_ENGINE", "die")
    assert run(blender, "generate", "--video", scene.parent / "vidéo", "--objects", "Fox") == 1
    assert "stopped by itself" in capsys.readouterr().err
    blender.align4d_blender.jobs.queue.shut_down()
    monkeypatch.setenv("FAKE_ENGINE", "move")
    bpy.ops.wm.open_mainfile(filepath=str(scene))
    assert run(blender, "resume") == 0
    assert "Went on where it was." in capsys.readouterr().out and bpy.data.objects["Fox"].modifiers["Align4D"]


def test_one_line_of_python(blender: ModuleType, scene: Path) -> None:
    job = blender.generate(scene.parent / "vidéo", ["Fox"], preset="draft", seed=2)
    assert job.state == "done" and job.preset == "draft" and bpy.data.objects["Fox"].modifiers["Align4D"]


def test_a_script_leaves_the_panels_choices_as_they_are(blender: ModuleType, scene: Path) -> None:
    """Also where it asks for something that cannot be."""
    settings = bpy.context.scene.align4d
    settings.seed, settings.preset, settings.video = 7, "paper", "//mine.mp4"
    job = blender.generate(scene.parent / "vidéo", ["Fox"], preset="draft", seed=2, overrides={"tracking.iterations": 40})
    request = json.loads((job.folder / "request.json").read_text(encoding="utf-8"))
    assert (request["seed"], request["preset"], request["settings"]) == (2, "draft", {"tracking.iterations": 40})
    with pytest.raises(Exception, match="preset cannot be 'best'"):
        blender.generate(scene.parent / "vidéo", ["Fox"], seed=3, preset="best")
    assert (settings.seed, settings.preset, settings.video, settings.overrides) == (7, "paper", "//mine.mp4", "")
    with pytest.raises(Exception, match="There is no mesh called Dog"):
        blender.generate(objects=["Dog"])


def test_one_line_of_python_says_why_it_failed(blender: ModuleType, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "refuse")
    with pytest.raises(Exception, match="never overlaps the mesh. Turn the camera"):
        blender.generate(scene.parent / "vidéo", [bpy.data.objects["Fox"]])
