"""Jobs against another commit: both engines are run in turn, and their figures come side by side."""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from align4d import protocol
from benchmarks.speed import jobs
from support import environments
from support.console import ScriptError

ENGINE = """
import json, sys
from pathlib import Path
import numpy
output = Path(sys.argv[2]) / "output"
output.mkdir()
request = json.loads((output.parent / "request.json").read_text())
if request["preset"] == "draft":
    sys.exit("no draft")
head = numpy.array([(b"POINTCACHE2\\0", 1, 1, 0, 1, 2)], "S12, <i4, <i4, <f4, <f4, <i4")
(output / "motion.pc2").write_bytes(head.tobytes() + numpy.array([[[0, 0, 0]], [[MOVED, 0, 0]]], "<f4").tobytes())
result = {"seconds": {"tracking": SECONDS}, "objects": [{"motion": "output/motion.pc2"}]}
(output / "result.json").write_text(json.dumps(result))
"""
"""Stands for an engine: `align4d resume FOLDER` leaves a motion of one point, and says that it took so long."""


def git(checkout: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=checkout, check=True, capture_output=True)


def write_engine(checkout: Path, moved: str, seconds: str) -> None:
    package = checkout / "engine" / "align4d"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(ENGINE.replace("MOVED", moved).replace("SECONDS", seconds))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose last commit's engine is slower, and half as true, as the one in its folder; two jobs lie beside it."""
    checkout = tmp_path / "checkout"
    write_engine(checkout, "0.5", "8.0")
    git(checkout, "init")
    git(checkout, "add", ".")
    git(checkout, "commit", "-m", "Slow")
    write_engine(checkout, "1.0", "2.0")
    monkeypatch.setattr(environments, "ROOT", checkout)
    camera = protocol.CameraSpec(tuple(tuple(row) for row in np.eye(4).tolist()))
    truth = {"vertices": np.array([[[0, 0, 0]], [[1, 0, 0]]], np.float32)}
    truth |= dict.fromkeys(("azimuth", "elevation", "distance", "fovy"), np.ones(()))
    for name in ("run", "walk"):
        job = tmp_path / "jobs" / name
        (job / "input").mkdir(parents=True)
        protocol.write_json(job / "request.json", protocol.Request(name, (), protocol.VideoSpec(f"{name}.mp4"), camera))
        protocol.write_arrays(job / "truth.npz", truth)
    return checkout


def bench(folder: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    jobs.add_arguments(parser)
    return jobs.run(parser.parse_args(["--jobs", str(folder / "jobs"), "--out", str(folder / "out"), "--device", "cpu", *words]))


def test_both_engines_are_measured_by_commit_and_by_folder(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(checkout.parent, "--against", "HEAD", "--runs", "2") == 0
    found = json.loads((checkout.parent / "out" / "figures.json").read_text())["jobs"]["walk"]
    assert [run["stages"] for run in found["HEAD"]] == 2 * [{"tracking": 8.0}]
    assert [run["stages"] for run in found[jobs.THIS]] == 2 * [{"tracking": 2.0}]
    assert found["HEAD"][0]["motion_explained"] == 0.5 and found[jobs.THIS][0]["motion_explained"] == 1.0
    assert all(run["seconds"] > 0 for runs in found.values() for run in runs)
    printed = capsys.readouterr().out
    assert "8.0 / 2.0" in printed and "0.500 / 1.000" in printed
    worktrees = subprocess.run(["git", "worktree", "list"], cwd=checkout, capture_output=True, text=True).stdout
    assert len(worktrees.splitlines()) == 1
    assert bench(checkout.parent, "--against", str(checkout), "--runs", "1") == 0
    found = json.loads((checkout.parent / "out" / "figures.json").read_text())["jobs"]
    assert [runs[str(checkout)][0]["stages"] for runs in found.values()] == 2 * [{"tracking": 2.0}]
    assert sorted(path.name for path in checkout.iterdir()) == [".git", "engine"]


def test_no_such_commit_is_told(checkout: Path) -> None:
    with pytest.raises(ScriptError, match="--against"):
        bench(checkout.parent, "--against", "nowhere")


def test_a_job_that_fails_is_told_and_holds_up_no_other(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = checkout.parent / "jobs" / "run"
    protocol.write_json(first / "request.json", dataclasses.replace(protocol.read_request(first), preset="draft"))
    assert bench(checkout.parent, "--against", "HEAD", "--runs", "1") == 1
    figures = json.loads((checkout.parent / "out" / "figures.json").read_text())
    assert set(figures["jobs"]) == {"walk"} and "no draft" in figures["failed"]["run"]
    assert "run failed: " in capsys.readouterr().out
