"""Masks by a network: found on this machine, or said how to get one; run, stretched, shown while they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_file import write_red_finder
from PIL import Image

from align4d.errors import Cancelled, EngineError
from align4d.inputs import foreground_model
from align4d.inputs.foreground_model import find_model, prepare, stretch
from align4d.inputs.masks import find_masks
from align4d.inputs.video import Clip
from align4d.job.preview import NAME
from align4d.job.reporting import RecordingReporter
from align4d.machine import doctor
from align4d.models.mask_models import BIREFNET_LITE, ISNET, MASK_MODELS, U2NET
from align4d.models.store import ModelStore
from align4d.pipeline.mask_pictures import FOLDER, MaskPictures
from align4d.protocol import FIXES


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models of a machine that has none."""
    monkeypatch.setenv("ALIGN4D_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "rembg"))
    return tmp_path / "models"


def busy_clip() -> tuple[Clip, np.ndarray]:
    """Two frames of a red square on noise without red, and where it is, (2, H, W) bool."""
    frames = np.random.default_rng(0).integers(0, 255, (2, 120, 160, 3), dtype=np.uint8)
    frames[..., 0] //= 32
    truth = np.zeros(frames.shape[:3], bool)
    for index in range(2):
        truth[index, 30:90, 40 + 20 * index : 100 + 20 * index] = True
    frames[truth] = (250, 30, 30)
    return Clip(frames, None, 24.0, (160, 120)), truth


def test_a_network_cuts_the_object_out_of_a_busy_background(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    ModelStore().use(U2NET.card, write_red_finder(tmp_path / "mine" / "a network.onnx", U2NET.side))
    clip, truth = busy_clip()
    report = RecordingReporter()
    masks = find_masks(clip, watch=MaskPictures(tmp_path, report))
    assert masks.source == "network" and masks.alpha.shape == truth.shape
    assert ((masks.alpha > 0.5) == truth).mean() > 0.99
    steps = [(event["done"], event["total"]) for event in report.events if event["event"] == "progress"]
    assert steps == [(1, 2), (2, 2)] and [event["image"] for event in report.events if event["event"] == "preview"] == [NAME] * 2
    shown = np.load(tmp_path / NAME, allow_pickle=False)
    assert shown.shape == (120, 320, 3) and np.ptp(shown[:20, 160:]) < 12  # beside the frame: nothing but gray around the object
    with Image.open(tmp_path / FOLDER / "0002.png") as picture:
        kept = np.asarray(picture)
    assert ((kept[..., 3] > 127) == truth[1]).mean() > 0.99


def test_a_job_is_cancelled_between_two_masks(tmp_path: Path) -> None:
    report = RecordingReporter()
    report.cancelled.set()
    with pytest.raises(Cancelled):
        MaskPictures(tmp_path, report)(1, 2, np.zeros((40, 40, 4), np.uint8))


def test_a_file_that_is_no_network_is_said(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "u2net.onnx").write_bytes(b"<html>Not found</html>")
    ModelStore().use(U2NET.card, tmp_path)
    with pytest.raises(EngineError, match="U2-Net") as caught:
        find_masks(busy_clip()[0])
    assert caught.value.code == "model_file" and caught.value.fix == "fetch_model:u2net"


@pytest.mark.parametrize(("installed", "fix"), [(False, "install_masks"), (True, "fetch_model:isnet-general-use")])
def test_what_is_missing_is_said_with_its_button(installed: bool, fix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground_model, "installed", lambda: installed)
    with pytest.raises(EngineError) as caught:
        find_masks(busy_clip()[0])
    assert caught.value.code == "masks_unavailable" and caught.value.fix == fix and fix.partition(":")[0] in FIXES
    with pytest.raises(doctor.CheckFailed) as failed:
        doctor._masks()
    assert failed.value.fix == fix


def test_the_doctor_names_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground_model, "installed", lambda: True)
    (tmp_path / "u2net.onnx").touch()
    ModelStore().use(U2NET.card, tmp_path)
    assert "U2-Net" in doctor._masks()


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("U2NET_HOME", "isnet-general-use.onnx"),
        ("U2NET_HOME", "models/isnet-general-use/isnet-general-use.onnx"),
        ("REMBG_HOME", "models/isnet-general-use/isnet-general-use.onnx"),
        ("XDG_DATA_HOME", ".u2net/isnet-general-use.onnx"),
        ("XDG_DATA_HOME", "rembg/models/isnet-general-use/isnet-general-use.onnx"),
        ("HOME", ".rembg/models/isnet-general-use/isnet-general-use.onnx"),
        ("HOME", ".u2net/isnet-general-use.onnx"),
    ],
)
def test_what_rembg_has_fetched_is_found(variable: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("U2NET_HOME", "REMBG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv(variable, str(home))
    assert find_model() is None
    file = home / place
    file.parent.mkdir(parents=True)
    file.touch()
    assert find_model() == (ISNET, file)


def test_the_first_of_several_networks_is_taken(tmp_path: Path) -> None:
    for model in MASK_MODELS[1:]:
        (tmp_path / model.card.parts[0]).touch()
        ModelStore().use(model.card, tmp_path)
    assert find_model() == (BIREFNET_LITE, tmp_path / "birefnet-general-lite.onnx")


def test_a_publishers_own_name_of_the_file_will_do(tmp_path: Path) -> None:
    assert BIREFNET_LITE.card.file is not None
    file = tmp_path / BIREFNET_LITE.card.file.url.rpartition("/")[2]
    file.touch()
    ModelStore().use(BIREFNET_LITE.card, tmp_path)
    assert ModelStore().find(BIREFNET_LITE.card) == file


@pytest.mark.parametrize(("name", "code"), [("nowhere", "model_not_found"), ("empty", "model_layout"), ("notes.txt", "model_layout")])
def test_a_place_without_the_network(name: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(EngineError) as caught:
        ModelStore().use(ISNET.card, tmp_path / name)
    assert caught.value.code == code and find_model() is None


def test_a_picture_is_normalized_for_each_network() -> None:
    frame = np.zeros((30, 50, 3), np.uint8)
    frame[..., 0], frame[..., 1] = 200, 100
    for model, red, green in ((ISNET, 0.5, 0.0), (U2NET, (1 - 0.485) / 0.229, (0.5 - 0.456) / 0.224)):
        given = prepare(frame, model)
        assert given.shape == (1, 3, model.side, model.side) and given.dtype == np.float32
        np.testing.assert_allclose(given[0, :2, 0, 0], (red, green), atol=1e-5)
    assert np.isfinite(prepare(np.zeros((8, 8, 3), np.uint8), ISNET)).all()  # a black frame


def test_a_prediction_is_stretched_to_the_frame() -> None:
    prediction = np.zeros((64, 64), np.float32)
    prediction[16:48, 16:48] = 0.4
    alpha = stretch(prediction, False, (128, 256))
    assert alpha.shape == (128, 256) and alpha[64, 128] == pytest.approx(1) and alpha[0, 0] == pytest.approx(0)
    logits = stretch(np.where(prediction > 0, 8.0, -100.0).astype(np.float32), True, (64, 64))
    assert logits[32, 32] == pytest.approx(1) and logits[0, 0] == pytest.approx(0)


@pytest.mark.parametrize("level", [0.0, 0.05, 0.7])
def test_a_prediction_that_shows_nothing_is_not_blown_up(level: float) -> None:
    faint = np.full((16, 16), level, np.float32)
    faint[:8] *= 0.9 if level < 0.1 else 1.0
    assert not stretch(faint, False, (16, 16)).any()
