"""`align4d batch`: shots out of tables and folders, each made once, one that fails never stopping the next."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pretend_pipeline
import pytest
import trimesh
from builders import moving_square
from conftest import MovieWriter
from PIL import Image

from align4d import protocol
from align4d.batch.shots import Shot, read_shots
from align4d.cli import main
from align4d.errors import EngineError
from align4d.inputs.pictures import on_white
from align4d.job import preview
from align4d.job.reporting import Reporter


@pytest.fixture
def inputs(write_movie: MovieWriter, tmp_path: Path) -> Path:
    """A folder with a mesh and a clip."""
    write_movie(on_white(moving_square(4))).rename(tmp_path / "walk.mp4")
    trimesh.creation.box(extents=(1, 3, 2)).export(tmp_path / "cat.glb")
    return tmp_path


def batch(table: Path, run: object = pretend_pipeline.run) -> int:
    return main.main(["batch", str(table), "--out", str(table.parent / "out")], run)


def lines(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "out" / "batch.csv").open(newline="") as file:
        return {one["name"]: one for one in csv.DictReader(file)}


def test_a_toml_has_defaults_paths_of_its_own_folder_flags_and_settings(tmp_path: Path) -> None:
    (tmp_path / "shots.toml").write_text(
        '[defaults]\nmesh = "cat.glb"\npreset = "draft"\n[[shot]]\nvideo = "walk.mp4"\nazimuth = -40\nrigged = true\ngaussians = false\n'
        '[[shot]]\nname = "slow"\nvideo = "walk.mp4"\n[shot.set]\n"tracking.iterations" = 5\n'
    )
    first, second = read_shots(tmp_path / "shots.toml")
    mesh, video = f"--mesh={tmp_path / 'cat.glb'}", f"--video={tmp_path / 'walk.mp4'}"
    assert first == Shot("cat", (mesh, "--preset=draft", video, "--azimuth=-40", "--rigged"))
    assert second == Shot("slow", (mesh, "--preset=draft", video, "--set", "tracking.iterations=5"))


def test_a_csv_leaves_out_what_is_empty(tmp_path: Path) -> None:
    (tmp_path / "shots.csv").write_text("name,video,prompt,seed\na,walk.mp4,,3\nb,,a red fox,\n")
    assert read_shots(tmp_path / "shots.csv") == (Shot("a", (f"--video={tmp_path / 'walk.mp4'}", "--seed=3")), Shot("b", ("--prompt=a red fox",)))


def test_a_folder_is_a_shot_for_each_movie(tmp_path: Path) -> None:
    for name in ("take10.mp4", "take9.mp4", "fox.glb", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [one.name for one in read_shots(tmp_path)] == ["take9", "take10"]
    assert read_shots(tmp_path)[0].words == ("--mesh", str(tmp_path / "fox.glb"), "--video", str(tmp_path / "take9.mp4"))
    (tmp_path / "wolf.glb").write_bytes(b"")
    with pytest.raises(EngineError, match=r"take9\.mp4"):
        read_shots(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There is no shot"),
        ("[[shot]]\nprompt = 3\nname = '../x'", "cannot be the name of a folder"),
        ("[[shot]]\nname='a'\n[[shot]]\nname='A'", "have one name"),
        ("[[shot]]\nout = 'x'", "--out"),
        ("[[shot", "cannot be read"),
        ("[[shot]]\nname='a'\nspeed = 2", "unrecognized arguments: --speed=2"),
        ("[[shot]]\nname='a'\npreset = 'best'", "invalid choice"),
    ],
)
def test_a_wrong_list_ends_in_a_sentence_before_anything_is_made(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shots.toml").write_text(text)
    assert batch(tmp_path / "shots.toml") == 1
    assert said in capsys.readouterr().out.replace("\n", "") and not (tmp_path / "out").exists()


def test_each_shot_is_made_once_and_one_that_fails_stops_no_other(inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (inputs / "shots.toml").write_text(
        '[defaults]\nvideo = "walk.mp4"\n[[shot]]\nname = "gone"\nmesh = "no.glb"\n[[shot]]\nname = "good"\nmesh = "cat.glb"\n'
    )
    made: list[str] = []

    def run(folder: Path, report: Reporter) -> protocol.Result:
        made.append(folder.name)
        (folder / "work").mkdir(exist_ok=True)
        np.save(folder / preview.NAME, np.full((20, 40, 3), 128, np.uint8))
        return pretend_pipeline.run(folder, report)

    assert batch(inputs / "shots.toml", run) == 1
    assert made == ["good"] and "no.glb" in capsys.readouterr().out
    assert lines(inputs)["good"]["state"] == "done" and lines(inputs)["good"]["frames"] == "1" and "no.glb" in lines(inputs)["gone"]["words"]
    assert Image.open(inputs / "out" / "batch.png").size == (40, 36)
    trimesh.creation.box().export(inputs / "no.glb")
    shutil.rmtree(inputs / "out" / "good" / "work")  # as Blender does with a job whose result has arrived
    assert batch(inputs / "shots.toml", run) == 0
    assert made == ["good", "gone"]  # what is done stays
    assert Image.open(inputs / "out" / "batch.png").size == (80, 36)


def test_a_shot_that_was_made_of_other_options_is_told(inputs: Path) -> None:
    table = inputs / "shots.csv"
    table.write_text("name,mesh,video,seed\na,cat.glb,walk.mp4,1\n")
    assert batch(table) == 0
    assert json.loads((inputs / "out" / "a" / "shot.json").read_text())["name"] == "a"
    table.write_text("name,mesh,video,seed\na,cat.glb,walk.mp4,2\n")
    assert batch(table) == 1 and lines(inputs)["a"]["state"] == "shot_changed"


def made_job(inputs: Path, name: str) -> Path:
    """A job's folder, as Blender makes one."""
    options = ["generate", "--mesh", str(inputs / "cat.glb"), "--video", str(inputs / "walk.mp4"), "--out", str(inputs / name)]
    assert main.main(options, pretend_pipeline.run) == 0
    shutil.rmtree(inputs / name / "output")
    return inputs / name


def events(folder: Path) -> list[dict[str, Any]]:
    return [protocol.decode(line) for line in (folder / protocol.EVENT_FILE).read_text(encoding="utf-8").splitlines()]


def test_jobs_that_are_there_tell_in_their_folders_what_becomes_of_them(inputs: Path) -> None:
    good, bad, stopped = (made_job(inputs, name) for name in ("good", "bad", "stopped"))
    (stopped / protocol.CANCEL_FILE).touch()
    (inputs / "shots.toml").write_text("".join(f"[[shot]]\njob = '{name}'\n" for name in ("good", "bad", "stopped")))
    made: list[str] = []

    def run(folder: Path, report: Reporter) -> protocol.Result:
        made.append(folder.name)
        if folder.name == "bad":
            raise EngineError("no_overlap", "It never overlaps.", "Turn the camera.", "draw_box")
        return pretend_pipeline.run(folder, report)

    assert batch(inputs / "shots.toml", run) == 1
    assert made == ["good", "bad"]
    assert [lines(inputs)[name]["state"] for name in ("good", "bad", "stopped")] == ["done", "no_overlap", "cancelled"]
    assert events(good)[0]["event"] == "accepted" and events(good)[-1]["event"] == "finished"
    assert {event["event"] for event in events(good)} > {"stage"}
    assert events(bad)[-1] | {"protocol": 0} == {
        "protocol": 0, "event": "failed", "job": "bad",
        "code": "no_overlap", "message": "It never overlaps.", "advice": "Turn the camera.", "fix": "draw_box",
    }  # fmt: skip
    assert events(stopped)[-1]["event"] == "cancelled"
    (stopped / protocol.CANCEL_FILE).unlink()
    assert batch(inputs / "shots.toml") == 0
    assert [one["event"] for one in events(stopped)][-1] == "finished"


def test_a_batch_is_made_by_one_process_and_its_jobs_hear_what_ends_it(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = made_job(inputs, "job")
    (inputs / "shots.toml").write_text("[[shot]]\njob = 'job'\n")
    (inputs / "out").mkdir()
    lock = protocol.hold(inputs / "out" / protocol.BATCH_LOCK)
    assert lock is not None
    with lock:
        assert batch(inputs / "shots.toml") == 1
    assert not (job / protocol.EVENT_FILE).exists(), "the process that has the batch tells of its jobs"
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main.main(["batch", str(inputs / "shots.toml"), "--out", str(inputs / "out"), "--ray", "local"]) == 1
    assert events(job)[-1]["code"] == "ray_missing"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL does not exist there")
def test_a_cluster_makes_all_though_a_worker_is_killed(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(here.parents[1] / "engine"), str(here))))
    monkeypatch.setenv("RAY_worker_niceness", "0")  # Ray makes its workers wait for everything else on the machine
    job = made_job(inputs, "job")
    (job / "act").write_text("kill once")
    (inputs / "shots.toml").write_text("[[shot]]\njob = 'job'\n[[shot]]\nname = 'gone'\nmesh = 'no.glb'\nvideo = 'walk.mp4'\n")
    assert main.main(["batch", str(inputs / "shots.toml"), "--out", str(inputs / "out"), "--ray", "local"], pretend_pipeline.run) == 1
    assert lines(inputs)["job"]["state"] == "done" and "no.glb" in lines(inputs)["gone"]["words"]
    assert [event["event"] for event in events(job)].count("accepted") == 2, "a worker did die on the way"


@pytest.mark.parametrize(("line", "said"), [("job = 'none'", "There is no job"), ("job = '.'\nseed = 3", "nothing else")])
def test_a_line_names_a_job_and_nothing_else(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "shots.toml").write_text(f"[defaults]\npreset = 'draft'\n[[shot]]\n{line}\n")
    with pytest.raises(EngineError) as caught:
        read_shots(tmp_path / "shots.toml")
    assert said in str(caught.value)
