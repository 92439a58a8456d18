"""What can be known of a job before its folder is made, is: nothing is left behind where it is wrong."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pretend_pipeline
import pytest
import trimesh
from builders import IDENTITY, moving_square
from PIL import Image

from align4d.cli import main
from align4d.errors import EngineError
from align4d.pipeline.request_check import check_values
from align4d.protocol import CameraSpec, Request, VideoSpec

SOUND = Request("job", (), VideoSpec(path="clip.mp4"), CameraSpec(IDENTITY))


@pytest.fixture
def inputs(tmp_path: Path, write_movie: Any) -> dict[str, Path]:
    trimesh.creation.box().export(tmp_path / "box.glb")
    Image.new("RGB", (8, 8)).save(tmp_path / "one.gif")
    (tmp_path / "file").write_text("no folder")
    return {"mesh": tmp_path / "box.glb", "video": write_movie(moving_square(3)[..., :3])}


@pytest.mark.parametrize(
    "wrong",
    [
        ("--set", "tracking.iterations=3.7"),
        ("--set", "tracking.speed=1"),
        ("--fps", "-5"),
        ("--fps", "1e300"),
        ("--fovy", "180"),
        ("--fovy", "nan"),
        ("--distance", "-2"),
        ("--azimuth", "inf"),
        ("--elevation", "100"),
        ("--seed", "-1"),
        ("--box", "0.6", "0.1", "0.4", "0.9"),
        ("--masks", "nowhere"),
        ("--first", "9"),
        ("--last", "1"),
        ("--video", "none.mp4"),
        ("--video", "one.gif"),
        ("--mesh", "none.glb"),
        ("--mesh", "file"),
        ("--backend", "gsplat"),
    ],
    ids=" ".join,
)
def test_what_is_wrong_leaves_nothing_behind(wrong: tuple[str, ...], inputs: dict[str, Path], tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    right = [word for name, path in inputs.items() for word in (f"--{name}", str(path))]
    arguments = ["generate", *right, "--out", str(tmp_path / "out"), *wrong]
    assert main.main(arguments, pretend_pipeline.run) == 1
    assert capsys.readouterr().out.count(". ") >= 1
    assert not (tmp_path / "out").exists()
    assert main.main(arguments[: -len(wrong)], pretend_pipeline.run) == 0


def test_a_place_that_is_a_file_is_said(inputs: dict[str, Path], tmp_path: Path, capsys: Any) -> None:
    right = [word for name, path in inputs.items() for word in (f"--{name}", str(path))]
    assert main.main(["generate", *right, "--out", str(tmp_path / "file")], pretend_pipeline.run) == 1
    assert "could not be written" in capsys.readouterr().out
    assert (tmp_path / "file").read_text() == "no folder"


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": -1},
        {"seed": 1 << 64},
        {"device": "tpu"},
        {"backend": "opengl"},
        {"preset": "best"},
        {"settings": {"tracking.iterations": -5}},
        {"camera": CameraSpec(IDENTITY, 0.0)},
        {"camera": CameraSpec(IDENTITY, math.nan)},
        {"camera": CameraSpec(IDENTITY[:3])},
        {"camera": CameraSpec(((1.0,), *IDENTITY[1:]))},
        {"video": VideoSpec(path="clip.mp4", fps=-1.0)},
        {"video": VideoSpec(path="clip.mp4", first=1 << 40)},
    ],
    ids=str,
)
def test_a_request_from_elsewhere_is_held_to_the_same(changes: dict[str, Any]) -> None:
    check_values(SOUND)
    with pytest.raises(EngineError) as caught:
        check_values(dataclasses.replace(SOUND, **changes))
    assert caught.value.message and caught.value.advice


def test_the_camera_has_numbers_only() -> None:
    matrix = np.eye(4)
    matrix[0, 3] = np.nan
    with pytest.raises(EngineError):
        check_values(dataclasses.replace(SOUND, camera=CameraSpec(tuple(map(tuple, matrix.tolist())))))
