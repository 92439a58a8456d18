"""The package's front door: what it offers is a stored file, so that a change is seen and meant."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pretend_pipeline
import pytest
import trimesh
from builders import moving_square
from conftest import MovieWriter

import align4d
from align4d import protocol
from align4d.inputs.pictures import on_white
from align4d.pipeline import artist

STORED = Path(__file__).with_name("api_surface.json")
README = Path(__file__).parents[2] / "README.md"


def surface() -> dict[str, str]:
    """Each public name with its signature; parameters only, because annotations change their spelling with Python."""
    return {name: ", ".join(inspect.signature(getattr(align4d, name)).parameters) for name in align4d.__all__}


def test_the_public_surface_is_the_stored_one() -> None:
    assert surface() == json.loads(STORED.read_text(encoding="utf-8"))


def test_the_front_door_opens_without_torch() -> None:
    code = "import sys, align4d; names = align4d.__all__; sys.exit('torch' in sys.modules or not names)"
    environment = {"PYTHONPATH": str(Path(align4d.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(align4d, "nonsense")  # noqa: B009  the point is the lookup at run time


def test_generate_makes_a_job_and_runs_it(write_movie: MovieWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artist, "run", pretend_pipeline.run)
    mesh = tmp_path / "box.glb"
    trimesh.Scene({"box": trimesh.creation.box()}).export(mesh)
    choices: dict[str, Any] = {"last": 2, "preset": "draft", "settings": {"tracking.iterations": 3}}
    result = align4d.generate(tmp_path / "job", mesh, write_movie(on_white(moving_square(4))), **choices)
    assert result == protocol.read_result(tmp_path / "job")
    request = json.loads((tmp_path / "job" / "request.json").read_text(encoding="utf-8"))
    assert request["preset"] == "draft" and request["settings"] == {"tracking.iterations": 3}
    assert (request["video"]["first"], request["video"]["last"]) == (0, 1)


def test_the_readme_s_lines_of_python_do_what_they_say(
    write_movie: MovieWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a pretended pipeline in the place of minutes."""
    monkeypatch.setattr(artist, "run", pretend_pipeline.walk)
    monkeypatch.chdir(tmp_path)
    trimesh.Scene({"box": trimesh.creation.box()}).export("fox.glb")
    write_movie(on_white(moving_square(4)), "run.mp4")
    section = README.read_text(encoding="utf-8").partition("## Without Blender")[2].partition("\n## ")[0]
    code = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    names: dict[str, Any] = {}
    exec(compile(code, README.name, "exec"), names)
    result = protocol.read_result(tmp_path / "out")
    assert names["result"] == result and {"MotionGeometryLoss", "rasterize"} <= set(names)
    said = capsys.readouterr().out
    assert said == f"A 4 frames in output/motion_000.pc2\n{result.camera}\n"
