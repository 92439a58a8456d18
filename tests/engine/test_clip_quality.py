"""What is said of a clip before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from align4d.cli.main import main
from align4d.inputs.clip_quality import Finding, judge_clip
from align4d.inputs.video import Clip
from align4d.protocol import FIXES

HEIGHT, WIDTH, FRAMES = 96, 128, 12
WALL = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(HEIGHT, WIDTH + 40, 3)), (1, 1, 0)) * 150 + 128


def clip_of(frames: np.ndarray, fps: float = 24.0, alpha: np.ndarray | None = None) -> Clip:
    return Clip(frames.clip(0, 255).astype(np.uint8), alpha, fps, (frames.shape[2], frames.shape[1]))


def plain(size: int = 50) -> np.ndarray:
    """(T, H, W, 3): a square that walks before white."""
    frames = np.full((FRAMES, HEIGHT, WIDTH, 3), 255.0)
    for t in range(FRAMES):
        frames[t, 20 : 20 + size, 20 + 2 * t : 20 + size + 2 * t] = (190, 40, 50)
    return frames


def busy(shift: int = 0) -> np.ndarray:
    """(T, H, W, 3): a wall full of detail, seen by a camera that turns by `shift` px a frame."""
    return np.stack([WALL[:, shift * t : shift * t + WIDTH] for t in range(FRAMES)])


def found(clip: Clip) -> dict[str, Finding]:
    return {one.code: one for one in judge_clip(clip)}


def test_a_good_clip_is_said_to_be_good() -> None:
    findings = found(clip_of(plain()))
    assert set(findings) == {"rate", "length", "cuts", "background", "sharpness", "size"} and all(one.good for one in findings.values())
    assert "52%" in findings["size"].sentence and "plain" in findings["background"].sentence


@pytest.mark.parametrize(
    ("code", "clip", "fix"),
    [
        ("rate", clip_of(plain(), fps=6), "choose_video"),
        ("length", clip_of(np.repeat(plain()[:1], 300, axis=0)), "end_earlier:240"),
        ("cuts", clip_of(np.concatenate([busy()[:8], 255 - busy()[8:]])), "end_earlier:8"),
        ("cuts", clip_of(np.concatenate([busy()[:4], 255 - busy()[4:]])), "start_later:4"),
        ("background", clip_of(busy()), "draw_box"),
        ("sharpness", clip_of(ndimage.gaussian_filter(plain(), (0, 5, 5, 0))), "choose_video"),
        ("size", clip_of(plain(size=12)), "choose_video"),
        ("camera", clip_of(busy(shift=3)), ""),
    ],
)
def test_what_is_bad_is_said_with_its_repair(code: str, clip: Clip, fix: str) -> None:
    findings = found(clip)
    assert not findings[code].good and findings[code].fix == fix and findings[code].sentence.endswith(".")
    assert not fix or fix.partition(":")[0] in FIXES
    with_it = {"background"} if code in ("cuts", "camera") else set()
    assert {name for name, one in findings.items() if not one.good} == {code} | with_it


def test_alpha_says_where_the_object_is() -> None:
    alpha = np.zeros((FRAMES, HEIGHT, WIDTH), np.uint8)
    alpha[:, 10:80, 30:60] = 255
    findings = found(clip_of(busy(), alpha=alpha))
    assert findings["background"].sentence == "The clip has alpha." and findings["size"].good and "camera" not in findings


def test_a_camera_that_stands_is_said_to_stand() -> None:
    assert found(clip_of(busy()))["camera"].good


def test_the_command_says_it_in_words_and_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for index, frame in enumerate(plain(size=12)):
        paths.append(str(tmp_path / f"frame_{index:02}.png"))
        Image.fromarray(frame.astype(np.uint8)).save(paths[-1])
    assert main(["check", *paths]) == 0
    assert "look  The object is only" in capsys.readouterr().out
    assert main(["check", str(tmp_path), "--first", "3", "--last", "6", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "4 frames" in next(one["sentence"] for one in told["findings"] if one["code"] == "length")
    assert main(["check", str(tmp_path / "nowhere.mp4"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["code"] == "video_missing"
