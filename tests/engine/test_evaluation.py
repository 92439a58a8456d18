"""`align4d evaluate` on results whose figures are known: perfect ones, shifted ones, in every form that is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import metric_models
import numpy as np
import pytest
import trimesh
from align4d_lab.evaluation.references import CONSISTENT4D_AZIMUTHS
from align4d_lab.metrics import judges
from align4d_lab.metrics.chamfer import chamfer, chamfer_4d, motion_chamfer, rigid_onto, surface_tracks, track_figures
from align4d_lab.metrics.mesh_picture import PictureCamera, draw
from align4d_lab.metrics.motion import TrueView
from builders import Job, box, mesh_arrays
from PIL import Image
from tiny_generators import TinySculptor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from align4d import protocol
from align4d.cameras.orbit import Orbit, blender_from_normalized
from align4d.cli import main
from align4d.generators.asset_object import write_object
from align4d.job.reporting import RecordingReporter

FRAMES = 4
VIEW = TrueView(30.0, 10.0, 2.5, 49.1, np.zeros(3))


def motion() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A box that slides to the right: rest (V, 3), triangles, positions (T, V, 3)."""
    vertices, triangles = box(1.0, 0.6, 0.8)
    positions = vertices + np.linspace(0, 0.3, FRAMES)[:, None, None] * np.array([1.0, 0, 0])
    return vertices, triangles, positions.astype(np.float32)


@pytest.fixture
def finished(job: Job, write_images: Callable[..., tuple[str, ...]]) -> Path:
    """A finished job whose motion is what its video shows."""
    vertices, triangles, positions = motion()
    colors = np.random.default_rng(0).uniform(0, 1, (len(triangles), 1, 4)).repeat(3, axis=1).astype(np.float32)
    job.add(mesh_arrays(vertices, triangles, corner_color=colors), materials=(protocol.MaterialSpec("attribute"),))
    matrix = blender_from_normalized(Orbit(VIEW.azimuth, VIEW.elevation, VIEW.distance).world_to_camera(), np.zeros(3), 1.0)
    camera = protocol.CameraResult(tuple(map(tuple, matrix.tolist())), VIEW.fovy, 96, 96, VIEW.azimuth, VIEW.elevation, 0.0, VIEW.distance)
    request = job.request()
    protocol.write_json(job.folder / "request.json", request)
    asset = load(job.folder)
    images = write_images(np.stack([draw(asset, one, PictureCamera(VIEW.world_to_camera(), VIEW.fovy, (96, 96))) for one in positions]))
    protocol.write_json(job.folder / "request.json", replace(request, video=protocol.VideoSpec(images=images, fps=12.0)))
    (job.folder / "output").mkdir()
    protocol.write_pc2(job.folder / "output" / "motion_000.pc2", positions)
    objects = (protocol.ObjectResult("id0", "Box", len(vertices), "output/motion_000.pc2"),)
    protocol.write_json(job.folder / "output" / "result.json", protocol.Result("job-1", FRAMES, 12.0, objects, camera))
    return job.folder


def load(folder: Path):  # type: ignore[no-untyped-def]
    from align4d.inputs.asset import load_asset

    return load_asset(protocol.read_request(folder), folder)


def evaluate(*arguments: object) -> tuple[int, dict[str, dict[str, object]], Path]:
    """Status, figures and the output folder of a command line."""
    out = Path(str(arguments[arguments.index("--out") + 1]))
    status = main.main(["evaluate", *map(str, arguments)])
    figures = json.loads((out / "figures.json").read_text(encoding="utf-8"))["figures"] if (out / "figures.json").exists() else {}
    return status, figures, out


def spoil(folder: Path, offset: float) -> None:
    """Shifts the result's motion."""
    path = folder / "output" / "motion_000.pc2"
    protocol.write_pc2(path, protocol.read_pc2(path) + np.float32(offset))


def test_a_perfect_job_is_infinitely_good_and_a_shifted_one_is_not(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, figures, out = evaluate(finished, "--out", tmp_path / "perfect", "--surround", 0)
    assert status == 0 and figures["psnr"]["value"] is None and "infinite" in str(figures["psnr"]["reason"])
    assert figures["ssim"]["value"] == pytest.approx(1, abs=1e-4)
    assert figures["fvd"]["value"] is None and "--models" in str(figures["fvd"]["reason"])
    assert "not measured" in capsys.readouterr().out and "| SSIM | 1.0000 | higher |" in (out / "table.md").read_text(encoding="utf-8")
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.width == FRAMES * 192 and len(set(sheet.convert("L").tobytes())) > 2
    spoil(finished, 0.05)
    _, figures, _ = evaluate(finished, "--out", tmp_path / "shifted", "--batch", 3, "--surround", 0)
    assert 10 < float(str(figures["psnr"]["value"])) < 35 and float(str(figures["ssim"]["value"])) < 0.99


def test_a_job_whose_mesh_was_generated(finished: Path, tmp_path: Path) -> None:
    picture = np.full((48, 48, 4), 255, np.uint8)
    picture[:12, :, 3] = 0
    made = TinySculptor().reconstruct(picture, 0, RecordingReporter())
    assert made.mesh is not None
    request = protocol.read_request(finished)
    spec = write_object(made.mesh, finished, request.objects[0].matrix_world)
    protocol.write_json(finished / protocol.COMPLETED, replace(request, objects=(spec,)))
    protocol.write_json(finished / "request.json", replace(request, objects=()))
    protocol.write_pc2(finished / "output" / "motion_000.pc2", np.repeat(made.mesh.vertices[None], FRAMES, axis=0))
    result = protocol.read_result(finished)
    objects = (protocol.ObjectResult("generated", "Generated", len(made.mesh.vertices), result.objects[0].motion),)
    protocol.write_json(finished / "output" / "result.json", replace(result, objects=objects))
    status, figures, _ = evaluate(finished, "--out", tmp_path / "out", "--surround", 0)
    assert status == 0 and 0 < float(str(figures["psnr"]["value"])) < 40


def test_consistent4d_views_are_seen_from_their_azimuths(finished: Path, tmp_path: Path) -> None:
    asset, (_, _, positions) = load(finished), motion()
    for index, azimuth in enumerate(CONSISTENT4D_AZIMUTHS):
        camera = PictureCamera(replace(VIEW, azimuth=VIEW.azimuth + azimuth).world_to_camera(), VIEW.fovy, (512, 512))
        folder = tmp_path / "gt" / f"eval_{index}"
        folder.mkdir(parents=True)
        for frame, points in enumerate(positions[:3]):
            Image.fromarray(draw(asset, points, camera)).save(folder / f"{frame}.png")
    status, figures, out = evaluate(finished, "--views", tmp_path / "gt", "--out", tmp_path / "out", "--surround", 0)
    assert status == 0 and "infinite" in str(figures["psnr"]["reason"])
    assert figures["ssim"]["value"] == pytest.approx(1, abs=1e-4)
    assert set(dict(figures["ssim"]["clips"])) == {"input", "eval_0", "eval_1", "eval_2", "eval_3"}  # type: ignore[call-overload]
    assert "3 of 4 frames" in (out / "table.md").read_text(encoding="utf-8")


def test_pictures_of_any_method_are_compared_as_published(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wanted: list[tuple[float, float]] = []
    for kind in ("gt", "pred"):
        for name in ("object_0/eval_0", "object_1/eval_0"):
            (tmp_path / kind / name).mkdir(parents=True)
            for frame in range(2):
                small = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).resize((512, 512))
                small.save(tmp_path / kind / name / f"{frame}.png")
    for truth in sorted((tmp_path / "gt").glob("*/*/*.png")):
        pair = [np.asarray(Image.open(path)) for path in (truth, tmp_path / "pred" / truth.relative_to(tmp_path / "gt"))]
        first, second = (judges.as_tensor(one[None], judges.torch.device("cpu")) for one in pair)
        psnr = peak_signal_noise_ratio(second, first, data_range=1.0)
        wanted.append((float(psnr), float(structural_similarity_index_measure(second, first, data_range=1.0))))
    status, figures, _ = evaluate(tmp_path / "pred", "--views", tmp_path / "gt", "--out", tmp_path / "out")
    assert status == 0
    assert figures["psnr"]["value"] == pytest.approx(np.mean(wanted, axis=0)[0], abs=1e-3)
    assert figures["ssim"]["value"] == pytest.approx(np.mean(wanted, axis=0)[1], abs=1e-3)
    (tmp_path / "pred" / "object_1" / "eval_0").rename(tmp_path / "away")
    assert evaluate(tmp_path / "pred", "--views", tmp_path / "gt", "--out", tmp_path / "none")[0] == 1


def test_every_weighted_figure_is_measured_where_its_model_is(finished: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    metric_models.write_vgg(models / "vgg16")
    metric_models.write_clip(models / judges.CLIP_SMALL)
    metric_models.write_clip(models / judges.CLIP_LARGE)
    metric_models.write_dino(models / judges.DINO)
    metric_models.write_aesthetic(models / "aesthetic")
    status, figures, _ = evaluate(finished, "--models", models, "--out", tmp_path / "out", "--surround", 4)
    assert status == 0 and figures["lpips"]["value"] == pytest.approx(0, abs=1e-6)
    assert figures["clip"]["value"] == pytest.approx(1, abs=1e-5)
    for name in ("clip_f", "subject_consistency", "background_consistency"):
        assert 0 < float(str(figures[name]["value"])) <= 1.0001
    assert 0 < float(str(figures["aesthetic_quality"]["value"])) < 1
    assert "musiq" in str(figures["imaging_quality"]["reason"]) and "i3d" in str(figures["fvd"]["reason"])


def test_the_truth_of_a_case(finished: Path, tmp_path: Path) -> None:
    _, _, positions = motion()
    truth = tmp_path / "truth.npz"
    np.savez(truth, vertices=positions, azimuth=30.0, elevation=10.0, distance=2.5, fovy=49.1)
    _, figures, _ = evaluate(finished, "--truth", truth, "--out", tmp_path / "perfect", "--surround", 0, "--size", 64)
    assert figures["motion_explained"]["value"] == pytest.approx(1, abs=1e-5)
    assert figures["vertex_error"]["value"] == pytest.approx(0, abs=1e-4)
    assert figures["static_motion_explained"]["value"] == pytest.approx(0, abs=1e-5)
    assert len(dict(figures["ssim"]["clips"])) == 5  # type: ignore[call-overload]
    spoil(finished, 0.1)
    _, figures, _ = evaluate(finished, "--truth", truth, "--out", tmp_path / "shifted", "--surround", 0, "--size", 64)
    assert figures["vertex_error"]["value"] == pytest.approx(100 * 0.1 * np.sqrt(3), rel=1e-3)
    path = finished / "output" / "motion_000.pc2"
    protocol.write_pc2(path, np.concatenate([positions[:1], positions[1:] + np.float32(0.05)]).astype(np.float32))
    _, figures, _ = evaluate(finished, "--truth", truth, "--out", tmp_path / "rest", "--surround", 0, "--size", 64)
    views = {name: value for name, value in dict(figures["psnr"]["clips"]).items() if name.startswith("truth")}  # type: ignore[call-overload]
    assert len(views) == 4 and all(value < 40 for value in views.values())  # the rest pose, equal in both, does not count
    np.savez(truth, vertices=positions[:, :5], azimuth=30.0, elevation=10.0, distance=2.5, fovy=49.1)
    assert evaluate(finished, "--truth", truth, "--out", tmp_path / "other")[0] == 1


def test_a_sequence_of_meshes_against_actionbenchs_points(tmp_path: Path) -> None:
    _, triangles, positions = motion()
    folder = tmp_path / "predictions"
    folder.mkdir()
    turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # Blender's axes to glTF's
    for frame, points in enumerate(positions):
        trimesh.Trimesh(points @ turn.T, triangles, process=False).export(folder / f"mesh_{frame}.glb")
    cloud = surface_tracks(positions, triangles, np.random.default_rng(1), 2000) @ turn.T
    np.save(tmp_path / "surfaces.npy", np.concatenate([cloud, np.zeros_like(cloud)], axis=2))
    status, figures, _ = evaluate(folder, "--truth", tmp_path / "surfaces.npy", "--out", tmp_path / "out", "--surround", 0)
    assert status == 0
    for name in ("cd_3d", "cd_4d", "cd_m"):
        assert 0 < float(str(figures[name]["value"])) < 0.07, name  # samples of one surface, not the same points
    assert figures["psnr"]["value"] is None and "no reference" in str(figures["psnr"]["reason"])


def test_chamfer_distances_are_brute_force() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, (3, 60, 3)), rng.normal(0.2, 1, (3, 50, 3))
    matrix = np.linalg.norm(first[:, :, None] - second[:, None], axis=-1)
    brute = [one.min(axis=1).mean() + one.min(axis=0).mean() for one in matrix]
    assert chamfer(first[0], second[0]) == pytest.approx(brute[0]) and chamfer_4d(first, second) == pytest.approx(np.mean(brute))
    there, back = matrix[0].argmin(axis=1), matrix[0].argmin(axis=0)
    forward = np.linalg.norm(second[:, there] - first, axis=-1).mean()
    assert motion_chamfer(first, second) == pytest.approx(forward + np.linalg.norm(first[:, back] - second, axis=-1).mean())
    angle = 0.1
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    dense = rng.normal(0, 1, (2000, 3)) * np.array([3.0, 2.0, 1.0])
    found, offset = rigid_onto(dense @ rotation + 0.05, dense, rounds=40)
    np.testing.assert_allclose((dense @ rotation + 0.05) @ found + offset, dense, atol=1e-6)
    moved, still = np.stack([dense @ rotation + 0.02] * 2), np.stack([dense] * 2)
    assert track_figures(moved, still, align_first=True)["cd_m"] < 0.01 < track_figures(moved, still, align_first=False)["cd_m"]


def test_a_pc2_needs_its_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vertices, triangles, positions = motion()
    trimesh.Trimesh(vertices, triangles, process=False).export(tmp_path / "box.ply")
    protocol.write_pc2(tmp_path / "box.pc2", positions)
    assert evaluate(tmp_path / "box.pc2", "--out", tmp_path / "out")[0] == 1
    assert "--mesh" in capsys.readouterr().out
    arguments = (tmp_path / "box.pc2", "--mesh", tmp_path / "box.ply", "--out", tmp_path / "out", "--surround", 3, "--size", 32)
    assert evaluate(*arguments)[0] == 0
    protocol.write_pc2(tmp_path / "box.pc2", positions[:, :5])
    assert evaluate(*arguments)[0] == 1
    assert "moves 5 points" in capsys.readouterr().out


def test_bad_results_end_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "broken.glb").write_bytes(b"glTF\x02\x00\x00\x00")
    cases = [(tmp_path / "none", "There is no"), (empty, "neither a job nor a sequence"), (tmp_path / "broken.glb", "cannot be read as glTF")]
    for path, words in cases:
        assert evaluate(path, "--out", tmp_path / "out")[0] == 1
        said = capsys.readouterr().out
        assert words in said.replace("\n", " ") and "Traceback" not in said
    assert evaluate(empty, "--out", tmp_path / "out", "--batch", 0)[0] == 1
