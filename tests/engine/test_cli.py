"""The command line: a job folder as Blender would make it, and words a terminal can show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pretend_pipeline
import pytest
import trimesh
from builders import moving_square
from conftest import MovieWriter
from PIL import Image

from align4d import __version__, protocol
from align4d.cli import main
from align4d.inputs import colors_at, load_asset, load_clip
from align4d.inputs.pictures import on_white

HERE = Path(__file__).parent


@pytest.fixture
def movie(write_movie: MovieWriter) -> Path:
    """A short clip."""
    return write_movie(on_white(moving_square(4)))


def save_box(path: Path, **visual: object) -> Path:
    """A box of sides 1, 2, 3 (3 along the file's own Y), in two scene nodes of which one is moved."""
    mesh = trimesh.creation.box(extents=(1, 3, 2))
    if "image" in visual:
        uv = np.random.default_rng(0).uniform(0, 1, (len(mesh.vertices), 2))
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=visual["image"])
        mesh.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    scene = trimesh.Scene({"first": mesh})
    scene.add_geometry(mesh.copy(), geom_name="second", transform=trimesh.transformations.translation_matrix([0, 4, 0]))
    scene.export(path)
    return path


def generate(*arguments: object) -> int:
    """`align4d generate` around the pretend pipeline."""
    return main.main(["generate", *map(str, arguments)], pretend_pipeline.run)


def test_generate_writes_a_job_that_the_engine_can_read(movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mesh = save_box(tmp_path / "box.glb", image=Image.new("RGB", (4, 4), (10, 120, 240)))
    out = tmp_path / "out"
    status = generate(
        "--mesh",
        mesh,
        "--video",
        movie,
        "--out",
        out,
        "--azimuth",
        90,
        "--elevation",
        0,
        "--distance",
        3,
        "--fovy",
        30,
        "--last",
        3,
        "--seed",
        7,
        "--set",
        "tracking.iterations=40",
        "--set",
        "tracking.recorded=no",
    )
    assert status == 0
    assert "cut by the border" in capsys.readouterr().out
    request = protocol.read_request(out)
    assert request.seed == 7 and request.settings == {"tracking.iterations": 40, "tracking.recorded": "no"} and request.video.last == 2
    assert len(request.objects) == 2
    asset = load_asset(request, out)
    extent = asset.similarity.size * (asset.vertices.max(axis=0) - asset.vertices.min(axis=0))
    np.testing.assert_allclose(extent, [1, 2, 7], atol=1e-5)  # glTF's Y is Blender's Z
    np.testing.assert_allclose(colors_at(asset, np.arange(24), np.full((24, 3), 1 / 3)), np.tile([10, 120, 240], (24, 1)) / 255, atol=0.01)
    camera = np.array(request.camera.matrix_world)
    np.testing.assert_allclose(camera[:3, 3], asset.similarity.center + [3 * 7, 0, 0], atol=1e-5)  # azimuth 90 is the +X side
    np.testing.assert_allclose(camera[:3, 2], [1, 0, 0], atol=1e-9)  # a camera looks along its -Z
    assert load_clip(request.video).frames.shape[0] == 3
    assert protocol.read_result(out).frames == 1


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".stl"])
def test_other_mesh_formats_are_read(movie: Path, tmp_path: Path, suffix: str) -> None:
    mesh = trimesh.creation.box(extents=(1, 3, 2))
    mesh.visual.vertex_colors = np.tile(np.uint8([200, 100, 50, 255]), (8, 1))
    path = tmp_path / f"box{suffix}"
    mesh.export(path)
    assert generate("--mesh", path, "--video", movie, "--out", tmp_path / "out") == 0
    request = protocol.read_request(tmp_path / "out")
    asset = load_asset(request, tmp_path / "out")
    extent = 3 * (asset.vertices.max(axis=0) - asset.vertices.min(axis=0))
    np.testing.assert_allclose(extent, [1, 2, 3] if suffix == ".obj" else [1, 3, 2], atol=1e-4)
    if suffix == ".ply":
        np.testing.assert_allclose(colors_at(asset, np.arange(12), np.full((12, 3), 1 / 3)) * 255, np.tile([200, 100, 50], (12, 1)), atol=1)


def test_a_folder_of_images_is_a_video(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for index in (10, 9, 2):  # sorted as people count
        Image.fromarray(np.full((8, 8, 3), index, np.uint8)).save(images / f"frame_{index}.png")
    assert generate("--mesh", save_box(tmp_path / "box.glb"), "--video", images, "--out", tmp_path / "out", "--fps", 12) == 0
    clip = load_clip(protocol.read_request(tmp_path / "out").video)
    assert clip.frames[:, 0, 0, 0].tolist() == [2, 9, 10] and clip.fps == 12


def test_further_clips_and_a_camera_that_moves(movie: Path, tmp_path: Path) -> None:
    mesh = save_box(tmp_path / "box.glb")
    path = [np.eye(4).tolist(), [[1, 0, 0, 2], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]]
    (tmp_path / "path.json").write_text(json.dumps(path))
    clips = ("--clip", movie, "azimuth=90", "offset=0.5", "last=3", "--clip", movie, "fovy=30")
    assert generate("--mesh", mesh, "--video", movie, *clips, "--camera-path", tmp_path / "path.json", "--out", tmp_path / "out") == 0
    request = protocol.read_request(tmp_path / "out")
    assert request.camera.path == protocol.parsed(tuple[protocol.Matrix4, ...], path) and request.camera.matrix_world == request.camera.path[0]
    side, other = request.views
    assert (side.video.path, side.video.first, side.video.last, side.offset, side.find_offset) == (str(movie), 0, 2, 0.5, False)
    assert other.find_offset and other.video.last == -1 and other.camera.fovy == 30
    asset = load_asset(request, tmp_path / "out")
    to_camera = np.array(side.camera.matrix_world)[:3, 3] - asset.similarity.center
    np.testing.assert_allclose(to_camera / asset.similarity.size, [2, 0, 0], atol=1e-6)


def test_bad_input_ends_in_a_sentence(movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.glb"
    broken.write_bytes(b"glTF no more")
    empty = tmp_path / "empty"
    empty.mkdir()
    mesh = save_box(tmp_path / "box.glb")
    cases = [
        (("--mesh", tmp_path / "none.glb", "--video", movie), "is not there"),
        (("--mesh", broken, "--video", movie), "cannot be read as glTF"),
        (("--mesh", mesh, "--video", empty), "has no images"),
        (("--mesh", mesh, "--video", movie, "--clip", movie, "nonsense=1"), "'nonsense=1' says nothing of a clip"),
        (("--mesh", mesh, "--video", movie, "--clip", movie, "azimuth=left"), "is none"),
        (("--mesh", mesh, "--video", movie, "--clip", empty), "has no images"),
        (("--mesh", mesh, "--video", movie, "--camera-path", broken), "cannot be read"),
    ]
    for number, (arguments, words) in enumerate(cases):
        assert generate(*arguments, "--out", tmp_path / f"out{number}") == 1
        said = capsys.readouterr().out
        assert words in said and "Traceback" not in said
    with pytest.raises(SystemExit):
        generate("--mesh", mesh, "--video", movie, "--out", tmp_path / "out", "--set", "nonsense")


def test_a_job_is_not_overwritten_but_resumed(movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--mesh", save_box(tmp_path / "box.glb"), "--video", movie, "--out", tmp_path / "out")
    assert generate(*arguments) == 0
    before = (tmp_path / "out" / "request.json").read_text()
    assert generate(*arguments) == 1
    assert "resume" in capsys.readouterr().out
    (tmp_path / "out" / "output" / "result.json").unlink()
    assert main.main(["resume", str(tmp_path / "out")], pretend_pipeline.run) == 0
    assert (tmp_path / "out" / "request.json").read_text() == before
    assert main.main(["resume", str(tmp_path)], pretend_pipeline.run) == 1


def test_a_bug_is_told_in_words_and_its_traceback_goes_to_the_log(movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--mesh", save_box(tmp_path / "box.glb"), "--video", movie, "--out", tmp_path / "out")
    assert generate(*arguments) == 0
    (tmp_path / "out" / "act").write_text("bug")
    capsys.readouterr()
    assert main.main(["resume", str(tmp_path / "out")], pretend_pipeline.run) == 1
    said = capsys.readouterr().out
    assert "Traceback" not in said and "log" in said
    assert "Traceback" in (tmp_path / "out" / "log.txt").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C cannot be sent to one process there")
def test_ctrl_c_writes_the_checkpoint_and_says_how_to_go_on(movie: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert generate("--mesh", save_box(tmp_path / "box.glb"), "--video", movie, "--out", out) == 0
    (out / "act").write_text("long")
    (out / "log.txt").unlink()
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1] / "engine")}
    command = [sys.executable, str(HERE / "pretend_pipeline.py"), "cli", "resume", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    until = time.monotonic() + 30
    while not ((out / "log.txt").exists() or time.monotonic() > until):
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "align4d resume" in said and (out / "checkpoint").exists()


def test_the_doctor_says_what_works(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setenv("ALIGN4D_MODELS", str(tmp_path))
    assert main.main(["doctor", "--folder", str(tmp_path / "not" / "yet")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1].rstrip(":") for line in lines] == ["device", "rasterizer", "video", "masks", "prior", "disk"]
    assert lines[3].startswith("--") and ("fetch" in lines[3] or "install" in lines[3])  # no model: told, but no job needs it


def test_the_doctor_names_no_device_that_no_job_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from align4d.machine import doctor

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)  # a Mac
    assert next(one for one in doctor.examine(Path()) if one.name == "device").text.startswith("CPU")


def test_the_doctors_findings_for_blender(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line that does not work names the button that mends it."""
    from align4d.machine import doctor

    def ill() -> str:
        raise doctor.CheckFailed("only 1 GB free.", "show_jobs")

    def broken() -> str:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(doctor, "_checks", lambda _: [("video", lambda: "PyAV", True), ("disk", ill, True), ("rasterizer", broken, True)])
    assert main.main(["doctor", "--json", "--folder", str(tmp_path)]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in findings] == ["video", "disk", "rasterizer"]
    assert [(one["works"], one["fix"]) for one in findings] == [(True, ""), (False, "show_jobs"), (False, "repair_engine")]
    assert findings[2]["text"] == "RuntimeError: no kernel. Install the engine again."


def test_the_command_line_is_there_without_waiting_for_torch() -> None:
    engine = str(Path(main.__file__).parents[2])
    code = "import sys; sys.path.insert(0, sys.argv[1]); import align4d.cli.main; sys.exit(bool({'torch', 'scipy', 'trimesh'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code, engine]).returncode == 0


def test_output_that_is_no_terminal_names_each_stage(movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--mesh", save_box(tmp_path / "box.glb"), "--video", movie)
    assert generate(*arguments, "--out", tmp_path / "loud") == 0
    assert "1/" in capsys.readouterr().out
    assert main.main(["-q", "generate", *map(str, arguments), "--out", str(tmp_path / "quiet")], pretend_pipeline.run) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("wrong", [("--preset", "fast"), ("--device", "tpu"), ("--backend", "best")])
def test_a_wrong_choice_names_the_right_ones_and_makes_no_folder(
    movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, str]
) -> None:
    with pytest.raises(SystemExit):
        generate("--mesh", save_box(tmp_path / "box.glb"), "--video", movie, "--out", tmp_path / "out", *wrong)
    assert "choose from" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["--version"])
    assert ended.value.code == 0 and __version__ in capsys.readouterr().out
