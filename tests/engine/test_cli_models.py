"""`align4d plan` and `align4d models` on a terminal and for other programs; and `generate` from less than a mesh and a video."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import trimesh
from PIL import Image
from test_gaussian_input import columns, write

from align4d import protocol
from align4d.cli import main, models
from align4d.errors import Cancelled
from align4d.models.card import ModelCard
from align4d.models.store import ModelStore
from align4d.pipeline import request_check


@pytest.fixture(autouse=True)
def models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALIGN4D_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "models"


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main.main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_plan_in_words_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["plan", "--prompt", "a fox"]) == 0
    words = capsys.readouterr().out
    assert "image of the text" in words and "GB of GPU memory" in words and "not on this machine" in words and "Apache-2.0" in words
    assert main.main(["plan", "--prompt", "a fox", "--set", "generators.text_to_image=sdxl", "--set", "generators.memory_gb=8"]) == 0
    assert "up to 8.0 GB of GPU memory, at least 1.7 GB" in capsys.readouterr().out.replace("\n", " ")
    assert main.main(["plan", "--prompt", "a fox", "--set", "generators.text_to_image=sdxl", "--set", "generators.memory_gb=1"]) == 0
    assert "more than the 1.0 GB that it may use" in capsys.readouterr().out.replace("\n", " ")
    code, plan = told(capsys, "plan", "--video", "clip.mp4")
    assert code == 0 and plan["ready"] and plan["steps"][0]["model"]["size_on_disk"] == 0
    code, plan = told(capsys, "plan", "--mesh", "fox.glb", "--prompt", "it runs", "--set", "generators.image_to_video=svd")
    assert not plan["ready"] and plan["steps"][0]["model"]["non_commercial"] and "takes no text" in plan["notes"][0]
    assert main.main(["plan", "--mesh", "fox.glb", "--video", "clip.mp4"]) == 0
    assert "nothing has to be generated" in capsys.readouterr().out


def test_a_mesh_alone_is_refused_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = told(capsys, "plan", "--mesh", "fox.glb")
    assert code == 1 and answer["code"] == "route_mesh_alone"
    assert main.main(["plan", "--mesh", "fox.glb"]) == 1
    assert "does not say how it is to move" in capsys.readouterr().out


def test_models_are_listed_used_accepted_and_removed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main.main(["models", "list"]) == 0
    words = capsys.readouterr().out
    assert "Text to image" in words and "limits commercial use" in words and "built in" in words and "align4d models accept svd" in words
    (tmp_path / "own" / "unet").mkdir(parents=True)
    code, answer = told(capsys, "models", "use", "svd", str(tmp_path / "own"))
    assert code == 1 and answer["code"] == "license_not_accepted"
    assert told(capsys, "models", "accept", "svd")[0] == 0
    assert told(capsys, "models", "use", "svd", str(tmp_path / "own"))[0] == 0
    _, listed = told(capsys, "models", "list")
    entry = next(model for model in listed["models"] if model["id"] == "svd")
    assert entry["there"] and entry["accepted"] and entry["folder"] == str((tmp_path / "own").resolve())
    assert main.main(["models", "remove", "svd"]) == 0
    assert "files are where they were" in capsys.readouterr().out
    code, answer = told(capsys, "models", "remove", "svd")
    assert code == 1 and answer["code"] == "model_not_found"


def test_networks_for_masks_are_among_the_models(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "rembg"))
    _, listed = told(capsys, "models", "list")
    found = [model for model in listed["models"] if model["role"] == "masks"]
    assert [model["id"] for model in found] == ["isnet-general-use", "birefnet-general-lite", "u2net"]
    assert not any(model["there"] or model["non_commercial"] for model in found) and isinstance(listed["masks_installed"], bool)
    (tmp_path / "u2net.onnx").touch()
    assert told(capsys, "models", "use", "u2net", str(tmp_path / "u2net.onnx"))[0] == 0
    assert main.main(["models", "list"]) == 0
    assert "Masks for any background" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["no-such-model", "embedded"])
def test_an_unknown_model_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, answer = told(capsys, "models", "fetch", name)
    assert code == 1 and answer["code"] == "unknown_model" and "sdxl" in answer["advice"]


def test_the_network_is_used_with_leave_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "fetch", lambda *_: pytest.fail("the network was used"))
    code, answer = told(capsys, "models", "fetch", "sdxl")
    assert code == 1 and answer["code"] == "no_leave"
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    assert main.main(["models", "fetch", "sdxl"]) == 1
    assert "6.9 GB" in capsys.readouterr().out


def test_fetching_tells_its_progress(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def pretend(card: ModelCard, store: ModelStore, show: Any, cancelled: Any) -> Path:
        assert card.id == "sdxl" and not cancelled()
        show(1, 4)
        show(4, 4)
        return store.place_of(card)

    monkeypatch.setattr(models, "fetch", pretend)
    assert main.main(["models", "fetch", "sdxl", "--yes", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["progress", "progress", "finished"]
    assert events[1]["done"] == events[1]["total"] == 4

    def stopped(*_: Any) -> Path:
        raise Cancelled

    monkeypatch.setattr(models, "fetch", stopped)
    assert main.main(["models", "fetch", "sdxl", "--yes"]) == 130
    assert "fetch again to go on" in capsys.readouterr().out


@pytest.fixture
def any_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a request needs is there."""
    monkeypatch.setattr(request_check, "check_request", lambda *_: None)


def generated(tmp_path: Path, *arguments: str) -> protocol.Request:
    """The request that `generate` makes."""
    seen: list[protocol.Request] = []

    def run(folder: Path, _report: Any) -> protocol.Result:
        seen.append(protocol.read_request(folder))
        raise Cancelled

    main.main(["generate", *arguments, "--out", str(tmp_path / "job")], run)
    return seen[0]


def test_generate_takes_less_than_a_mesh_and_a_video(tmp_path: Path, any_model: None) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "fox.png")
    request = generated(tmp_path, "--prompt", "it runs", "--image", str(tmp_path / "fox.png"), "--set", "generators.frames=9")
    assert (request.prompt, request.image, request.objects) == ("it runs", str((tmp_path / "fox.png").resolve()), ())
    assert request.settings == {"generators.frames": 9}


def test_gaussians_are_told_from_a_mesh(tmp_path: Path, any_model: None) -> None:
    path = write(tmp_path / "doll.ply", columns(20))
    request = generated(tmp_path, "--mesh", str(path), "--prompt", "it waves")
    assert request.gaussian_asset == str(path.resolve()) and not request.objects
    trimesh.creation.box().export(tmp_path / "box.ply")
    (tmp_path / "other").mkdir()
    request = generated(tmp_path / "other", "--mesh", str(tmp_path / "box.ply"), "--prompt", "it waves")
    assert not request.gaussian_asset and len(request.objects) == 1
