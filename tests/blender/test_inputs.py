"""The input switch: what it asks for, the plan that it shows before anything runs, and an asset that comes into an empty scene."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest
from scenes import add_mesh, use_video, write_images
from test_panel import Layout

PLAN = {
    "name": "image",
    "ready": False,
    "steps": [
        {"product": "video", "source": "the image", "ready": False, "sentence": "A model (MIT): not on this machine, 4.5 GB to fetch"},
        {"product": "asset", "source": "the image", "ready": True, "sentence": "Embedded (built in)"},
    ],
    "notes": ["A note of the plan."],
}

MODEL = {
    "role": "image_to_video",
    "name": "Stable Video",
    "license": "Some License",
    "non_commercial": True,
    "source": "somebody/svd",
    "size_on_disk": 4_500_000_000,
    "memory": 14_000_000_000,
    "memory_offloaded": 5_600_000_000,
    "folder": "",
}
FOUND = {
    "root": "/models",
    "models": [
        {**MODEL, "id": "svd", "there": False, "accepted": False},
        {**MODEL, "id": "wan", "name": "Wan", "non_commercial": False, "there": False, "accepted": True},
        {**MODEL, "id": "ltx", "name": "LTX", "non_commercial": False, "there": True, "accepted": True},
        {**MODEL, "id": "built", "role": "image_to_3d", "name": "Embedded", "source": "", "non_commercial": False, "there": True, "accepted": True},
    ],
}

PROGRAM = """
import json, pathlib, sys, time
words = sys.argv[1:]
here = pathlib.Path(__file__).parent
(here / "asked.txt").open("a").write(" ".join(words) + chr(10))
while (here / "wait").exists():
    time.sleep(0.05)
told = json.loads((here / "answers.json").read_text())
if words[:2] == ["models", "fetch"]:
    print("chatter of a library")
    for done in (1, 5, 10):
        print(json.dumps({"event": "progress", "done": done, "total": 10}), flush=True)
    if words[2] == "slow":
        time.sleep(60)
    print(json.dumps({"event": "failed", "code": "model_hash", "message": "It is damaged.", "advice": "Again."} if words[2] == "bad" else
                     {"event": "finished"}), flush=True)
else:
    print(json.dumps(told[words[0] if words[0] == "plan" else words[1]]))
"""


@pytest.fixture
def engine(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a program that answers like the engine's command line, and notes what it was asked."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    failed = {"event": "failed", "code": "license_not_accepted", "message": "Not accepted.", "advice": "Accept it."}
    answers = {"plan": PLAN, "list": FOUND, "accept": {"event": "finished"}, "remove": {"event": "finished"}, "use": failed}
    (folder / "answers.json").write_text(json.dumps(answers))
    models, ask = blender.align4d_blender.runtime.models, blender.align4d_blender.runtime.ask
    monkeypatch.setattr(ask, "command", lambda arguments: ([sys.executable, str(folder / "program.py"), *arguments], {}))
    yield folder
    models.shut_down()


def drawn(blender: ModuleType, what: str = "generate") -> str:
    layout = Layout()
    if what == "models":
        blender.panels.models.draw(layout, bpy.context)
    elif what == "advanced":
        blender.panels.sidebar.ALIGN4D_PT_advanced.draw(SimpleNamespace(layout=layout), bpy.context)
    else:
        blender.panels.sidebar.ALIGN4D_PT_generate.draw(SimpleNamespace(layout=layout), bpy.context)
    return "\n".join(layout.drawn)


def choose(**values: str) -> Any:
    settings = bpy.context.scene.align4d
    for name, value in values.items():
        setattr(settings, name, value)
    return settings


def test_a_mesh_and_a_video_need_no_plan(blender: ModuleType, engine: Path, tmp_path: Path) -> None:
    add_mesh("Fox")
    use_video(tmp_path)
    shown = drawn(blender)
    assert "Motion From" in shown and "Fox" in shown and "Show Plan" not in shown
    bpy.ops.align4d.show_plan()
    assert not (engine / "asked.txt").exists()


@pytest.mark.parametrize(
    ("given", "asset", "sentences"),
    [
        ("TEXT", "NONE", ("Write what you want to see", "Show Plan")),
        ("IMAGE", "NONE", ("Choose a picture of the object",)),
        ("IMAGE", "MESH", ("Select the mesh", "Choose a picture of the object")),
        ("VIDEO", "GAUSSIANS", ("Choose a .ply of Gaussians", "Choose a movie")),
        ("VIDEO", "NONE", ("Choose a movie",)),
    ],
)
def test_the_switch_asks_for_what_it_needs(blender: ModuleType, engine: Path, given: str, asset: str, sentences: tuple[str, ...]) -> None:
    choose(given=given, asset=asset)
    shown = drawn(blender)
    for sentence in sentences:
        assert sentence in shown
    assert ("Select the mesh" in shown) == (asset == "MESH")
    assert ("Choose a movie" in shown) == (given == "VIDEO")


def test_the_plan_is_shown_before_anything_runs(blender: ModuleType, engine: Path) -> None:
    choose(given="IMAGE", asset="NONE", prompt="it runs")
    assert bpy.ops.align4d.show_plan() == {"FINISHED"}
    assert (engine / "asked.txt").read_text().split() == ["plan", "--json", "--image", "image", "--prompt", "text"]
    shown = drawn(blender)
    for sentence in ("not on this machine, 4.5 GB to fetch", "Embedded (built in)", "A note of the plan.", "Get Models"):
        assert sentence in shown
    choose(given="TEXT")
    assert "4.5 GB" not in drawn(blender) and "Show Plan" in drawn(blender)


def test_models_are_listed_with_license_memory_and_buttons(blender: ModuleType, engine: Path) -> None:
    assert "Look" in drawn(blender, "models")
    bpy.ops.align4d.look_for_models()
    shown = drawn(blender, "models")
    memory = "14.0 GB of GPU memory, at least 5.6 GB"
    for sentence in ("Stable Video", "limits commercial use", memory, "Accept License", "Fetch 4.5 GB", "Remove", "built in"):
        assert sentence in shown, sentence
    assert shown.count("Accept License") == 1 and shown.count("Fetch 4.5 GB") == 1


def test_the_prior_of_the_preset_paper_is_chosen_with_license_and_memory(blender: ModuleType, engine: Path) -> None:
    prior = {**MODEL, "id": "stable-zero123", "role": "multiview_prior", "name": "Stable-Zero123", "license": "Other License", "there": False}
    offered = [{**prior, "accepted": False}, {**prior, "id": "zero123-xl", "non_commercial": False, "accepted": True}]
    (engine / "answers.json").write_text(json.dumps({"list": {**FOUND, "models": [*FOUND["models"], *offered]}}))
    settings = choose(preset="artist", prior="stable-zero123")
    assert "Prior" not in drawn(blender, "advanced").splitlines()
    setting = blender.align4d_blender.capture.choices.prior_setting
    assert setting(bpy.context) == {}
    choose(preset="paper")
    assert "Show Models" in drawn(blender, "advanced")
    bpy.ops.align4d.look_for_models()
    shown = drawn(blender, "advanced")
    for sentence in ("Prior", "Other License, limits commercial use", "14.0 GB of GPU memory, at least 5.6 GB", "Accept License"):
        assert sentence in shown, sentence
    assert setting(bpy.context) == {"prior.source": "stable-zero123"}
    choose(prior="zero123-xl")
    shown = drawn(blender, "advanced")
    assert "Fetch 4.5 GB" in shown and "Accept License" not in shown
    bpy.ops.align4d.use_prior_folder(directory=str(engine))
    assert settings.prior == str(engine) and "publisher's page" in drawn(blender, "advanced")
    choose(prior="")
    assert "built-in prior" in drawn(blender, "advanced") and setting(bpy.context) == {}


def test_fetching_needs_leave_for_the_network(blender: ModuleType, engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = blender.align4d_blender.runtime.models
    monkeypatch.setattr(models, "bpy", SimpleNamespace(app=SimpleNamespace(online_access=False, background=True, timers=bpy.app.timers)))
    with pytest.raises(blender.align4d_blender.errors.UserError) as caught:
        models.fetch("wan")
    assert caught.value.code == "offline" and not (engine / "asked.txt").exists()


@pytest.fixture
def online(blender: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Any:
    models = blender.align4d_blender.runtime.models
    monkeypatch.setattr(models, "bpy", SimpleNamespace(app=SimpleNamespace(online_access=True, background=True, timers=bpy.app.timers)))
    return models


def test_a_model_is_fetched_with_its_progress(blender: ModuleType, engine: Path, online: Any) -> None:
    online.fetch("wan")
    online.wait()
    assert online.fetching.ended and online.fetching.error is None and online.fetching.done == 10
    assert "models fetch wan --json --yes" in (engine / "asked.txt").read_text()
    assert "models list" in (engine / "asked.txt").read_text()


def test_why_it_broke_off_is_said(blender: ModuleType, engine: Path, online: Any) -> None:
    online.fetch("bad")
    online.wait()
    assert online.fetching.error.code == "model_hash"
    online.look()
    online.wait()
    assert "It is damaged." in drawn(blender, "models")


def test_fetching_can_be_stopped(engine: Path, online: Any) -> None:
    online.fetch("slow")
    while online.fetching.done < 10:
        online.step()
    online.cancel_fetch()
    assert online.fetching.ended and online.fetching.process.poll() is not None
    online.wait()


@pytest.mark.parametrize("words", [("accept", "svd"), ("use", "svd", "/somewhere"), ("remove", "svd")])
def test_a_button_of_a_model_does_not_hold_the_window(blender: ModuleType, engine: Path, words: tuple[str, ...]) -> None:
    """It returns before the engine has answered; the answer is drawn when it comes."""
    models = blender.align4d_blender.runtime.models
    (engine / "wait").touch()
    models.change(*words)
    assert models.looking() and models.refused is None and "Looking…" in drawn(blender, "models")
    (engine / "wait").unlink()
    models.wait()
    shown = drawn(blender, "models")
    assert "Stable Video" in shown or words[0] == "use"
    assert ("Not accepted. Accept it." in shown) == (words[0] == "use")


def test_disabling_does_not_wait_for_an_answer(blender: ModuleType, engine: Path) -> None:
    models = blender.align4d_blender.runtime.models
    (engine / "wait").touch()
    models.look()
    began = time.monotonic()
    models.shut_down()
    assert time.monotonic() - began < 5 and not models.looking()


def test_a_refusal_of_the_engine_is_an_error_of_the_button(engine: Path) -> None:
    assert bpy.ops.align4d.accept_license("EXEC_DEFAULT", model="svd") == {"FINISHED"}
    with pytest.raises(RuntimeError, match="Not accepted"):
        bpy.ops.align4d.use_model("EXEC_DEFAULT", model="svd", directory="/somewhere")


def test_the_request_says_what_was_chosen(blender: ModuleType, tmp_path: Path) -> None:
    picture = write_images(tmp_path / "pictures", 1)
    choose(given="IMAGE", asset="NONE", image=str(picture), prompt=" it runs ")
    captured = blender.align4d_blender.capture.capture.capture(bpy.context, "job", tmp_path / "job", "cpu")
    request = captured.request
    assert (request.image, request.prompt, request.objects, captured.targets) == (str(picture.resolve()), "it runs", (), ())
    assert not request.video.path and not request.video.images
    assert np.isfinite(np.array(request.camera.matrix_world)).all()
    choose(image=str(tmp_path / "nowhere.png"))
    with pytest.raises(blender.align4d_blender.errors.UserError) as caught:
        blender.align4d_blender.capture.capture.capture(bpy.context, "job", tmp_path / "other", "cpu")
    assert caught.value.code == "input_missing"


def test_an_asset_comes_into_an_empty_scene_with_its_motion(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    choose(given="VIDEO", asset="NONE")
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    jobs.wait(job)
    assert job.state == "done", job.error
    item = bpy.data.objects["Generated"]
    assert len(item.data.vertices) == 8 and len(item.data.uv_layers) == 1
    image = next(node.image for node in item.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE")
    assert image.packed_file and tuple(image.size) == (2, 2)
    assert item.align4d.id == "generated"
    bpy.context.scene.frame_set(1)
    first = evaluated(item)
    bpy.context.scene.frame_set(4)
    assert np.abs(evaluated(item) - first).max() > 0.01
    assert job.label == "frame_0001.png" and job.moved == "the new asset"
    bpy.ops.align4d.remove_result()
    assert "Generated" not in bpy.data.objects and not bpy.data.meshes


def evaluated(item: bpy.types.Object) -> np.ndarray:
    mesh = item.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    found = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", found)
    return found
