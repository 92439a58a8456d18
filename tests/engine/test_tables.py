"""`align4d table`: which runs there are, what is kept of them, what the report says; one run through the real engine."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from align4d_lab.adapters.per_frame import Borrowed
from align4d_lab.evaluation.measure import Figure
from align4d_lab.metrics.motion import TrueView
from align4d_lab.tables import run as table_run
from align4d_lab.tables.case_files import find_cases, make_case_job
from align4d_lab.tables.markdown import loss_at
from align4d_lab.tables.variants import chosen as chosen_variants
from align4d_lab.tables.variants import combinations, plan
from PIL import Image

from align4d import protocol
from align4d.cameras.orbit import Orbit, blender_from_normalized
from align4d.cli import main
from align4d.errors import EngineError

VIEW = TrueView(0.0, 0.0, 2.0, 49.1, np.zeros(3))
TINY = ("video_side=64", "gaussians.count=300", "gaussians.fit_iterations=2", "gaussians.fit_views=2", "gaussians.fit_size=48")
TINY += (
    "pose.resolution=48",
    "pose.candidates=1",
    "pose.iterations=2",
    "tracking.resolution=48",
    "tracking.iterations=2",
    "search.starts=3",
    "search.kept=1",
    "search.anchors=1",
    "search.iterations=5",
)
TINY += ("refinement.resolution=48", "refinement.iterations=1", "refinement.trial=1", "refinement.appearance.paint=2")
TINY += ("refinement.lifted.points=16", "refinement.lifted.rounds=1", "refinement.lifted.fit_iterations=2")


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Two cases: a blue box that a video of three frames shows sliding."""
    for name, height in (("a", 0.6), ("b", 0.8)):
        folder = tmp_path / "cases" / name
        (folder / "frames").mkdir(parents=True)
        mesh = trimesh.creation.box(extents=(1, 0.5, height))
        mesh.visual.vertex_colors = np.tile(np.uint8([40, 80, 200, 255]), (8, 1))
        mesh.export(folder / "mesh.ply")
        for frame in range(3):
            picture = np.full((64, 64, 3), 255, np.uint8)
            half = round(16 * height)
            picture[32 - half : 32 + half, 15 + frame : 49 + frame] = (40, 80, 200)
            Image.fromarray(picture).save(folder / "frames" / f"{frame}.png")
    return tmp_path / "cases"


def pretend(offsets: dict[str, float]) -> Callable[[Path, Borrowed | None], None]:
    """In place of the engine: the mesh at rest, moved by the offset of its preset."""

    def execute(folder: Path, _borrowed: Borrowed | None) -> None:
        request = protocol.read_request(folder)
        if (folder / "fail").exists() or request.preset not in offsets:
            raise EngineError("table_run", "The engine failed: out of luck.", "Try again.")
        arrays = protocol.read_arrays(folder / request.objects[0].mesh)
        motion = np.repeat(arrays["bake_vertices"][None], 3, axis=0) + np.float32(offsets[request.preset])
        (folder / "output").mkdir(exist_ok=True)
        protocol.write_pc2(folder / "output" / "motion_000.pc2", motion)
        matrix = blender_from_normalized(Orbit().world_to_camera(), np.zeros(3), 1.0)
        camera = protocol.CameraResult(tuple(map(tuple, matrix.tolist())), 49.1, 64, 64, 0.0, 0.0, 0.0, 2.0)
        spec = request.objects[0]
        objects = (protocol.ObjectResult(spec.id, spec.name, motion.shape[1], "output/motion_000.pc2"),)
        curves = {"optimization": {"iteration": [0.0] * 120, "known": [1.0] * 120, "motion": [2.0] * 120, "geometry": [0.5] * 120}}
        protocol.write_json(folder / "output" / "result.json", protocol.Result(request.job, 3, 24.0, objects, camera, curves=curves))
        stages = {"reading": {"seconds": 1.0, "gb": 0.5, "gpu_gb": None}, "baking": {"seconds": 2.0, "gb": 0.7, "gpu_gb": None}}
        (folder / "costs.json").write_text(json.dumps({"machine": "a machine", "seconds": 3.0, "stages": stages}), encoding="utf-8")

    return execute


def table(*arguments: object) -> int:
    return main.main(["table", *map(str, arguments)])


def test_the_table_compares_methods_over_cases_and_seeds(cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_run, "_execute", pretend({"paper": 0.2, "artist": 0.0}))
    out = tmp_path / "out"
    assert table(cases, "--out", out, "--methods", "paper", "artist", "jo", "--seeds", 0, 1) == 0
    text = (out / "table.md").read_text(encoding="utf-8")
    assert "12 of 12 runs" in text and "| variant | PSNR | SSIM | s | GB | seeds |" in text
    assert "LPIPS: not measured (no folder of metric models" in text and "![Cost of each stage](costs.png)" in text
    assert "| `artist` | 1.0 s (0.50) | 2.0 s (0.70) |" in text
    known, unknown = text.split("Loss of the unknown views")
    assert "| `paper`: Align4D | 1.00" in known and "| `paper`: Align4D | 2.50" in unknown
    rows = json.loads((out / "figures.json").read_text(encoding="utf-8"))["rows"]
    assert rows["artist"]["psnr"]["mean"] > rows["paper"]["psnr"]["mean"] and rows["artist"]["psnr"]["seeds"] == 2
    with open(out / "runs.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 12 and float(lines[0]["psnr"]) > 5 and {line["case"] for line in lines} == {"a", "b"}
    for picture in ("costs.png", "losses.png"):
        with Image.open(out / picture) as image:
            assert image.width > 300


def test_finished_runs_are_kept_and_failed_ones_tried_again(
    cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(table_run, "_execute", pretend({"artist": 0.0}))
    assert table(cases, "--out", out, "--methods", "paper", "artist", "--seeds", 0) == 1
    said = capsys.readouterr().out.replace("\n", " ")
    assert "out of luck" in said and "2 of 4 runs" in said
    before = (out / "runs" / "a" / "artist" / "seed-0" / "record.json").stat().st_mtime_ns
    monkeypatch.setattr(table_run, "_execute", pretend({"paper": 0.1}))  # artist would fail now
    assert table(cases, "--out", out, "--methods", "paper", "artist", "--seeds", 0) == 0
    assert (out / "runs" / "a" / "artist" / "seed-0" / "record.json").stat().st_mtime_ns == before
    assert table(cases, "--out", out, "--methods", "paper", "artist", "--seeds", 0, "--set", "gaussians.count=7") == 1
    assert "other settings: gaussians.count 7" in capsys.readouterr().out.replace("unset instead of 7", "7").replace("\n", " ")


def test_combinations_of_generators_are_methods_of_their_own(cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (paper,) = chosen_variants(["paper"])
    found = combinations(paper, ["svd", "wan"], ["lgm"])
    assert [variant.generators for variant in found] == [("svd", "lgm"), ("wan", "lgm")]
    assert found[1].settings["generators.image_to_video"] == "wan" and found[1].settings["generators.image_to_3d"] == "lgm"
    monkeypatch.setattr(table_run, "_execute", pretend({"paper": 0.1}))
    arguments = (cases, "--out", tmp_path / "out", "--methods", "paper", "--seeds", 0, "--video-models", "svd", "wan", "--asset-models", "lgm")
    assert table(*arguments) == 0
    text = (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    assert "PSNR by image-to-video model (down)" in text and "| svd | " in text and "| wan | " in text
    assert table(cases, "--out", tmp_path / "half", "--video-models", "svd") == 1


def test_novel_views_are_the_sides_that_the_video_does_not_show() -> None:
    sides = {"input": 30.0, "truth -75°": 10.0, "truth +15°": 20.0}
    assert table_run.novel_views({"psnr": Figure(20.0, clips=sides)}) == {"novel_view_psnr": 15.0}
    assert table_run.novel_views({"psnr": Figure(30.0, clips={"input": 30.0})}) == {} == table_run.novel_views({})


def test_iterations_that_do_not_ask_the_prior_have_no_loss_of_it() -> None:
    record = {"variant": "paper", "case": "a", "seed": 0, "figures": {}, "losses": {"motion": [2.0, 0.0] * 50, "geometry": [0.0] * 100}}
    found = loss_at([record], "paper", 100, ["a"], ("motion", "geometry"))
    assert found is not None and found.mean == 2.0


def test_an_ablation_leaves_out_one_thing() -> None:
    assert all(len(one.settings) == 1 for one in chosen_variants(["known-only", "no-oda", "no-mgja", "jo"]))


def test_a_run_travels_to_a_worker(tmp_path: Path) -> None:
    (trial,) = plan(chosen_variants(["paper"]), [tmp_path], [0], "cpu", 40, {"gaussians.count": 9})
    wanted = table_run.measure, table_run.Run(trial, tmp_path, None, 0, 64)
    assert pickle.loads(pickle.dumps(wanted)) == wanted


def test_cases_are_found_and_made_into_jobs(cases: Path, tmp_path: Path) -> None:
    (cases / "empty").mkdir()
    (cases / "words").mkdir()
    (cases / "words" / "prompt.txt").write_text("a fox\n", encoding="utf-8")
    assert [case.name for case in find_cases(cases, None)] == ["a", "b", "words"]
    with pytest.raises(EngineError, match="no case called nothing"):
        find_cases(cases, ["nothing"])
    (cases / "a" / "camera.json").write_text('{"azimuth": 90}', encoding="utf-8")
    make_case_job(cases / "a", tmp_path / "job", {"preset": "draft", "seed": 3})
    request = protocol.read_request(tmp_path / "job")
    assert (request.preset, request.seed, len(request.video.images)) == ("draft", 3, 3)
    np.testing.assert_allclose(np.array(request.camera.matrix_world)[:3, 3], [2, 0, 0], atol=1e-6)
    make_case_job(cases / "words", tmp_path / "text", {"seed": 1})
    assert protocol.read_request(tmp_path / "text").prompt == "a fox"
    make_case_job(tmp_path / "job", tmp_path / "again", {"seed": 9})
    assert protocol.read_request(tmp_path / "again").seed == 9 and (tmp_path / "again" / "input").is_dir()
    (cases / "a" / "camera.json").write_text('{"azimuth": "left"}', encoding="utf-8")
    with pytest.raises(EngineError, match="camera.json cannot be read"):
        make_case_job(cases / "a", tmp_path / "bad", {})


def test_a_run_through_the_real_engine(cases: Path, tmp_path: Path) -> None:
    settings = [word for one in TINY for word in ("--set", one)]
    assert table(cases, "--only", "a", "--out", tmp_path / "out", "--methods", "artist", "--seeds", 0, "--device", "cpu", *settings) == 0
    (record,) = json.loads((tmp_path / "out" / "figures.json").read_text(encoding="utf-8"))["runs"]
    assert record["figures"]["psnr"] > 12 and record["figures"]["seconds"] > 0
    assert set(record["stages"]) >= {"reading", "tracking", "baking"} and record["stages"]["tracking"]["gb"] > 0.1
    assert record["order"]["settings"]["tracking.iterations"] == 2


def test_a_per_frame_method_runs_through_the_real_engine(cases: Path, tmp_path: Path) -> None:
    few = ("paper.optimization.iterations=3", "paper.optimization.resolution=48", "paper.optimization.novel_resolutions=[48,48,48]")
    settings = [word for one in (*TINY, *few, "paper.optimization.unknown.views.count=1") for word in ("--set", one)]
    assert table(cases, "--only", "a", "--out", tmp_path / "out", "--methods", "per-frame", "--seeds", 0, "--device", "cpu", *settings) == 0
    (record,) = json.loads((tmp_path / "out" / "figures.json").read_text(encoding="utf-8"))["runs"]
    assert record["variant"] == "per-frame" and record["figures"]["psnr"] > 5
    assert record["engine_figures"]["gaussians"] == 300 and record["losses"] == {}, "not the engine's own optimization"
    assert set(record["stages"]) >= {"distance", "optimizing", "baking"}
