"""The X4D builder: its four pipelines, resuming, putting aside, duplicates, the manifest, the page; and the same on a Ray cluster."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from align4d_lab.datasets.x4d import build as building
from align4d_lab.datasets.x4d.build import STAGES, build
from align4d_lab.datasets.x4d.layout import MODALITIES, Item, file_hash, items_in
from align4d_lab.datasets.x4d.review import make_server
from align4d_lab.datasets.x4d.sources import DatasetInputs
from PIL import Image
from tiny_generators import Tiny, TinyWorkshop

from align4d.batch.executor import LOCAL, Executor, Here, OnRay
from align4d.cli import main
from align4d.errors import EngineError
from align4d.job.reporting import RecordingReporter

HERE = Path(__file__).parent
PROMPTS = ("a red fox", "a blue bird", "a green frog that jumps", "an old robot")


def disc(seed: int, shift: int = 0) -> np.ndarray:
    """(64, 64, 3) uint8: a striped disc on white."""
    rng = np.random.default_rng(seed)
    picture = np.full((64, 64, 3), 255, np.uint8)
    rows, columns = np.mgrid[:64, :64] - 32
    inside = np.hypot(rows, columns - shift) < 12 + 3 * seed
    picture[inside] = rng.integers(0, 120, 3, np.uint8)
    picture[inside & ((columns // (3 + seed)) % 2 == 0)] = rng.integers(100, 200, 3, np.uint8)
    return picture


@pytest.fixture
def given(tmp_path: Path, write_movie: Any) -> DatasetInputs:
    """Ten items: four prompts, and two pictures, videos and assets each; one prompt and one picture come twice."""
    for name in ("images", "videos", "assets"):
        (tmp_path / name).mkdir()
    (tmp_path / "prompts.txt").write_text("# animals\n" + "\n".join(PROMPTS) + "\n a  red fox\n", encoding="utf-8")
    for index in range(2):
        Image.fromarray(disc(index)).save(tmp_path / "images" / f"{index}.png")
        movie = write_movie(np.stack([disc(index, shift) for shift in range(4)]), f"{index}.mp4")
        shutil.move(movie, tmp_path / "videos" / f"{index}.mp4")
    shutil.copy(tmp_path / "images" / "0.png", tmp_path / "images" / "copy.png")
    trimesh.creation.box(extents=(1, 0.5, 0.8)).export(tmp_path / "assets" / "box.glb")
    trimesh.creation.cone(0.4, 1.0).export(tmp_path / "assets" / "cone.ply")
    folders = (tmp_path / "images", tmp_path / "videos", tmp_path / "assets")
    return DatasetInputs(tmp_path / "prompts.txt", *folders, origin="made for this test", license="CC0-1.0", seed=5)


def run(given: DatasetInputs, out: Path, workshop: TinyWorkshop | None = None, place: Executor | None = None, retry: bool = False) -> dict[str, Any]:
    return build(given, out, workshop or TinyWorkshop(), place or Here(), RecordingReporter(), retry)


def test_ten_items_of_four_pipelines_become_quadruplets(given: DatasetInputs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    Tiny.opened.clear()
    manifest = run(given, out)
    assert len(manifest["items"]) == 10 and not manifest["quarantined"] and not manifest["unfinished"]
    assert Tiny.opened == ["TinyPainter", "TinyWriter", "TinyCamera", "TinySculptor"]  # each loaded once
    drivers = [item["driven_by"] for item in manifest["items"]]
    assert {driver: drivers.count(driver) for driver in drivers} == {"prompt": 4, "image": 2, "video": 2, "asset": 2}
    for entry in manifest["items"]:
        assert set(entry["modalities"]) == set(MODALITIES) and entry["license"] == "CC0-1.0" and entry["origin"] == "made for this test"
        for modality, record in entry["modalities"].items():
            assert record["made_by"].get("license") == "CC0-1.0" or "given" in record["made_by"], modality
            for name, digest in record["files"].items():
                assert file_hash(out / "items" / entry["id"] / name) == digest
    prompted = next(entry for entry in manifest["items"] if entry["name"] == "line 2")
    assert prompted["modalities"]["text"]["facts"]["words"] == "a red fox"
    assert prompted["modalities"]["image"]["made_by"]["id"] == "tiny-text_to_image"
    filmed = next(entry for entry in manifest["items"] if entry["driven_by"] == "video")
    assert filmed["modalities"]["video"]["facts"] == {"frames": 4, "fps": 24.0}
    boxed = next(entry for entry in manifest["items"] if entry["name"] == "box.glb")
    assert list(boxed["modalities"]["asset"]["files"]) == ["asset/mesh.glb"]
    with Image.open(out / "items" / boxed["id"] / "image.png") as picture:
        seen = np.asarray(picture)
    assert seen.shape == (512, 512, 4) and 0.05 < (seen[..., 3] > 127).mean() < 0.6


def test_nothing_is_made_twice(given: DatasetInputs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(given, out)
    before = {path: path.stat().st_mtime_ns for path in (out / "items").rglob("*") if path.is_file()}
    Tiny.opened.clear()
    run(given, out)
    assert not Tiny.opened and before == {path: path.stat().st_mtime_ns for path in (out / "items").rglob("*") if path.is_file()}
    item = next(one for one in items_in(out) if one.source().driven_by == "prompt")
    build(given, out, TinyWorkshop(), Here(), RecordingReporter(), again=[item.id])
    made = [path for path, time_before in before.items() if path.exists() and path.stat().st_mtime_ns != time_before]
    assert made and {path.parent for path in made if path.suffix == ".json"} == {item.folder} and "TinyPainter" in Tiny.opened
    with pytest.raises(EngineError, match="no item nobody"):
        build(given, out, TinyWorkshop(), Here(), RecordingReporter(), again=["nobody"])
    with pytest.raises(EngineError, match="begun with the seed 5"):
        run(DatasetInputs(given.prompts, seed=6), out)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetInputs, bytes]:
    """Three items, and the manifest that an undisturbed building ends with."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "prompts.txt").write_text("\n".join(PROMPTS[:2]), encoding="utf-8")
    (folder / "images").mkdir()
    Image.fromarray(disc(1)).save(folder / "images" / "1.png")
    given = DatasetInputs(folder / "prompts.txt", folder / "images", seed=5)
    run(given, folder / "whole")
    return given, (folder / "whole" / "manifest.json").read_bytes()


@pytest.mark.parametrize("stage", STAGES)
def test_broken_off_in_any_stage_it_ends_as_undisturbed(
    small: tuple[DatasetInputs, bytes], tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, done = building.do, []
    reporter = RecordingReporter()

    def stop_in_the_middle(task: Any) -> None:
        if [event["name"] for event in reporter.events if event["event"] == "stage"][-1] == stage:
            done.append(task)
            if len(done) == min(2, expected):
                raise KeyboardInterrupt
        real(task)

    expected = 1 if stage == "describing" else 2  # only the picture needs a caption
    monkeypatch.setattr(building, "do", stop_in_the_middle)
    with pytest.raises(KeyboardInterrupt):
        build(small[0], tmp_path / "broken", TinyWorkshop(), Here(), reporter)
    monkeypatch.setattr(building, "do", real)
    run(small[0], tmp_path / "broken")
    assert (tmp_path / "broken" / "manifest.json").read_bytes() == small[1]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL does not exist there")
def test_a_killed_process_leaves_nothing_half_written(small: tuple[DatasetInputs, bytes], tmp_path: Path) -> None:
    out, prompts, images = tmp_path / "killed", small[0].prompts, small[0].images
    code = (
        f"import sys; sys.path[:0] = [{str(HERE.parents[1] / 'engine')!r}, {str(HERE)!r}]\n"
        "from pathlib import Path; import test_dataset as tests; from align4d_lab.datasets.x4d.sources import DatasetInputs\n"
        f"print('ready', flush=True); tests.run(DatasetInputs(Path({str(prompts)!r}), Path({str(images)!r}), seed=5), Path({str(out)!r}))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    until = time.monotonic() + 60
    while not list((out / "items").glob("*/image.json")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run(small[0], out)
    assert (out / "manifest.json").read_bytes() == small[1] and not list((out / "items").glob("*/.*"))


def test_bad_items_are_put_aside_with_a_reason_and_the_rest_goes_on(given: DatasetInputs, tmp_path: Path) -> None:
    assert given.images and given.videos and given.assets and given.prompts
    (given.images / "bad.png").write_bytes(b"no picture")
    (given.videos / "bad.mp4").write_bytes(b"no movie")
    (given.assets / "bad.glb").write_bytes(b"glTF no more")
    given.prompts.write_text("\n".join((*PROMPTS, "a broken vase", "nothing at all", "a short film", "a bug")), encoding="utf-8")
    out = tmp_path / "out"
    manifest = run(given, out)
    assert len(manifest["items"]) == 10
    reasons = {entry["name"]: (entry["stage"], entry["code"]) for entry in manifest["quarantined"]}
    assert reasons == {
        "bad.png": ("reading", "image_unreadable"),
        "bad.mp4": ("reading", "video_unreadable"),
        "bad.glb": ("reading", "gltf_unreadable"),
        "line 5": ("picturing", "broken"),
        "line 6": ("picturing", "video_empty"),
        "line 7": ("filming", "video_short"),
        "line 8": ("picturing", "internal"),
    }
    assert "The painter does not like this prompt." in (out / "index.html").read_text(encoding="utf-8")
    assert len(run(given, out)["quarantined"]) == 7  # they are not tried again by themselves
    Tiny.opened.clear()
    assert len(run(given, out, retry=True)["quarantined"]) == 7 and "TinyPainter" in Tiny.opened


def test_what_looks_the_same_is_taken_once(given: DatasetInputs, tmp_path: Path) -> None:
    assert given.images
    with Image.open(given.images / "0.png") as picture:
        picture.resize((60, 60), Image.Resampling.LANCZOS).save(given.images / "smaller.jpg", quality=85)
    manifest = run(DatasetInputs(images=given.images), tmp_path / "out")
    (aside,) = manifest["quarantined"]
    assert aside["code"] == "duplicate" and len(manifest["items"]) == 2
    assert {aside["name"], *(entry["name"] for entry in manifest["items"])} == {"0.png", "1.png", "smaller.jpg"}


def test_a_file_that_changed_is_noticed(given: DatasetInputs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small = DatasetInputs(given.prompts)
    run(small, out)
    item = items_in(out)[0]
    shutil.rmtree(out / "previews")
    (item.folder / "text.txt").write_text("something else", encoding="utf-8")
    (aside,) = run(small, out)["quarantined"]
    assert aside["id"] == item.id and "text.txt is not as it was written" in aside["reason"]


def test_models_that_are_not_there_stop_the_building(given: DatasetInputs, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no model for text_to_image"):
        run(given, tmp_path / "out", TinyWorkshop(missing=("text_to_image",)))
    run(DatasetInputs(images=given.images), tmp_path / "images", TinyWorkshop(missing=("text_to_image",)))  # not needed there
    with pytest.raises(EngineError, match="image_to_video is damaged"):
        run(given, tmp_path / "out", TinyWorkshop(damaged=("image_to_video",)))
    manifest = run(given, tmp_path / "out")
    assert len(manifest["items"]) == 10 and not manifest["quarantined"]
    with pytest.raises(EngineError, match="Nothing is given"):
        run(DatasetInputs(), tmp_path / "empty")


def test_choices_are_remembered(given: DatasetInputs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(DatasetInputs(given.prompts, origin="<script>alert(1)</script>"), out)
    first, second = items_in(out)[:2]
    server, address = make_server(out)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def post(choice: dict[str, Any], to: str = address) -> int:
        request = urllib.request.Request(f"{to}choices", json.dumps(choice).encode(), method="POST")
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    try:
        with urllib.request.urlopen(address) as answer:
            page = answer.read().decode()
        assert first.id in page and "a red fox" in page and "<script>alert" not in page
        with urllib.request.urlopen(f"{address}previews/{first.id}-asset.webp") as answer, Image.open(answer) as turn:
            assert turn.n_frames > 4
        assert post({"id": first.id, "choice": "keep"}) == 200 and post({"id": second.id, "choice": "drop"}) == 200
        assert post({"id": "../other", "choice": "keep"}) == 400 and post({"id": first.id, "choice": "maybe"}) == 400
        assert post({"id": first.id, "choice": "drop"}, address.rsplit("/", 2)[0] + "/guessed/") == 404
        for path in ("items/" + first.id + "/text.txt", "../out/manifest.json", "manifest.json"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(address + path)
    finally:
        server.shutdown()
        server.server_close()
    manifest = run(DatasetInputs(given.prompts, origin="<script>alert(1)</script>"), out)
    assert {entry["id"]: entry["choice"] for entry in manifest["items"] if entry["choice"]} == {first.id: "keep", second.id: "drop"}


def test_the_command_line_says_which_model_is_missing(given: DatasetInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("ALIGN4D_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert main.main(["dataset", "build", str(tmp_path / "out"), "--prompts", str(given.prompts)]) == 1
    assert "needs a model for" in capsys.readouterr().out.replace("\n", " ")
    assert main.main(["dataset", "review", str(tmp_path / "none")]) == 1
    assert Item(tmp_path).record("text") is None


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL does not exist there")
def test_a_cluster_builds_the_same_though_a_worker_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    prompts, mark = tmp_path / "prompts.txt", tmp_path / "killed"
    prompts.write_text("a red fox\nkill the dragon\na broken vase\n", encoding="utf-8")
    here = run(DatasetInputs(prompts), tmp_path / "here")
    monkeypatch.setenv("ALIGN4D_TEST_MARK", str(mark))
    monkeypatch.setenv("RAY_worker_niceness", "0")  # Ray makes its workers wait for everything else on the machine
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(HERE.parents[1] / "engine"), str(HERE))))
    with OnRay(LOCAL, workers=2) as cluster:
        there = run(DatasetInputs(prompts), tmp_path / "there", place=cluster)
    assert mark.exists()  # a worker did die on the way
    assert here == there and len(there["items"]) == 2 and there["quarantined"][0]["code"] == "broken"
    assert (tmp_path / "here" / "manifest.json").read_bytes() == (tmp_path / "there" / "manifest.json").read_bytes()
