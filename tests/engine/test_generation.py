"""Every route end to end: from what an artist gives to motion, with generators that make what they should, and with small random models."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import generator_models as saved
import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from puppets import FOVY
from theatre import FRAMES, Sculptor, Theatre, job_of, write_picture

from align4d import protocol
from align4d.errors import Cancelled, EngineError
from align4d.generators import catalog, mesh_extraction
from align4d.generators.asset_object import kept_gaussians
from align4d.generators.interfaces import GeneratedAsset, TexturedMesh
from align4d.generators.lgm import LGM
from align4d.generators.sdxl import SDXL
from align4d.generators.svd import ShortSVD
from align4d.inputs import foreground_model
from align4d.inputs.reference_view import render_reference_view
from align4d.job.reporting import RecordingReporter, Reporter
from align4d.models.store import ModelStore
from align4d.pipeline import artist, pair
from align4d.pipeline.pair import complete_pair
from align4d.pipeline.paper import STAGES as PAPER_STAGES
from align4d.protocol import CameraSpec

ROUTES = [
    ("text", ["paint a puppet that walks", "film a puppet that walks", "sculpt"], 8, "generated"),
    ("image", ["tell", "film a puppet", "sculpt"], 8, "generated"),
    ("video", ["sculpt"], 12, "generated"),
    ("image video", ["sculpt"], 12, "generated"),
    ("image mesh", ["tell", "film a puppet"], 8, "id0"),
    ("text mesh", ["film a puppet that walks"], 8, "id0"),
    ("mesh video", [], 12, "id0"),
]


@pytest.mark.parametrize(("given", "called", "fps", "name"), ROUTES)
def test_every_route_ends_in_a_pair(theatre: Theatre, tmp_path: Path, given: str, called: list[str], fps: float, name: str) -> None:
    folder = job_of(theatre, tmp_path, given)
    for _ in ("first", "again"):
        request, route = complete_pair(folder, protocol.read_request(folder), RecordingReporter(), 6)
        assert theatre.called == called  # nothing is generated twice
        assert [spec.id for spec in request.objects] == [name]
        assert len(request.video.images) == FRAMES and request.video.fps == fps
        assert protocol.read_completed(folder) == request
        assert set(route.name.split(" + ")) == set(given.split())


@pytest.mark.parametrize(("given", "called", "fps", "name"), [ROUTES[0], ROUTES[3], ROUTES[5]])
def test_every_route_ends_in_motion(theatre: Theatre, tmp_path: Path, given: str, called: list[str], fps: float, name: str) -> None:
    folder, report = job_of(theatre, tmp_path, given), RecordingReporter()
    result = artist.run(folder, report)
    assert theatre.called == called
    assert (result.frames, result.fps) == (FRAMES, fps)
    motion = protocol.read_pc2(folder / result.objects[0].motion)
    assert motion.shape[:2] == (FRAMES, len(theatre.asset.bake_points)) and np.isfinite(motion).all()
    assert result.figures["overlap"] > 0.7
    stages = [event for event in report.events if event["event"] == "stage"]
    assert [event["index"] for event in stages] == list(range(len(stages)))
    assert {event["count"] for event in stages} == {len(stages)}
    assert result.objects[0].id == name


def test_a_mesh_alone_is_refused_before_anything_runs(theatre: Theatre, tmp_path: Path) -> None:
    report = RecordingReporter()
    with pytest.raises(EngineError) as caught:
        artist.run(job_of(theatre, tmp_path, "mesh"), report)
    assert caught.value.code == "route_mesh_alone"
    assert not report.events and not theatre.called


def test_the_camera_of_a_generated_pair_is_known(theatre: Theatre, tmp_path: Path) -> None:
    folder = job_of(theatre, tmp_path, "image")
    request, route = complete_pair(folder, protocol.read_request(folder), RecordingReporter(), 6)
    assert route.name == "image" and len(request.objects) == 1
    matrix, fovy = np.array(request.camera.matrix_world), request.camera.fovy
    seen = render_reference_view(theatre.asset, np.linalg.inv(matrix @ np.diag([1, -1, -1, 1])), fovy, 96)
    with Image.open(request.video.images[0]) as frame:
        drawn = np.asarray(frame)[:, 16:112].min(axis=2) < 250
    mask = seen[..., 3] > 127
    assert (mask & drawn).sum() / (mask | drawn).sum() > 0.85


def test_a_job_that_broke_off_generates_only_what_is_missing(theatre: Theatre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = job_of(theatre, tmp_path, "text")

    def cancelled(*_: object) -> GeneratedAsset:
        raise Cancelled

    with monkeypatch.context() as patched:
        patched.setattr(Sculptor, "reconstruct", cancelled)
        with pytest.raises(Cancelled):
            artist.run(folder, RecordingReporter())
    theatre.called.clear()
    request, _ = complete_pair(folder, protocol.read_request(folder), RecordingReporter(), 6)
    assert theatre.called == ["sculpt"]
    assert len(request.video.images) == FRAMES


def test_a_picture_with_a_busy_background_says_what_to_do(theatre: Theatre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setenv("ALIGN4D_MODELS", str(tmp_path))
    folder = job_of(theatre, tmp_path, "image")
    write_picture(tmp_path / "image.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    with pytest.raises(EngineError) as caught:
        complete_pair(folder, protocol.read_request(folder), RecordingReporter(), 6)
    assert caught.value.code == "masks_unavailable" and "image" in caught.value.message


@pytest.mark.parametrize(("pixels", "code"), [(np.full((64, 64, 3), 255, np.uint8), "video_empty"), (None, "image_unreadable")])
def test_a_picture_that_shows_nothing(theatre: Theatre, tmp_path: Path, pixels: np.ndarray | None, code: str) -> None:
    folder = job_of(theatre, tmp_path, "image")
    if pixels is None:
        (tmp_path / "image.png").write_bytes(b"no picture")
    else:
        write_picture(tmp_path / "image.png", pixels)
    with pytest.raises(EngineError) as caught:
        complete_pair(folder, protocol.read_request(folder), RecordingReporter(), 6)
    assert caught.value.code == code and "image" in caught.value.message


def test_a_camera_that_looks_away_from_the_mesh(theatre: Theatre, tmp_path: Path) -> None:
    folder = job_of(theatre, tmp_path, "text mesh")
    request = protocol.read_request(folder)
    matrix = np.array(request.camera.matrix_world) @ np.diag([-1.0, 1, -1, 1])
    away = dataclasses.replace(request, camera=CameraSpec(tuple(tuple(row) for row in matrix.tolist()), FOVY))
    with pytest.raises(EngineError) as caught:
        complete_pair(folder, away, RecordingReporter(), 6)
    assert caught.value.code == "mesh_not_seen"


def test_gaussians_are_taken_where_a_mesh_is(theatre: Theatre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from test_gaussian_input import write

    for name, value in {"CELLS": 40, "SIDE": 128, "AROUND": 5, "TEXTURE_SIDE": 128}.items():
        monkeypatch.setattr(mesh_extraction, name, value)
    means = theatre.gaussians.means.numpy() * 3 + (10, 0, 0)
    count = len(means)
    names = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
    values = [*means.T, *np.zeros((3, count)), np.full(count, 6.0), *np.full((3, count), -1.7), np.ones(count), *np.zeros((3, count))]
    path = write(tmp_path / "doll.ply", dict(zip(names, values, strict=True)))
    folder = job_of(theatre, tmp_path, "video")
    given = dataclasses.replace(protocol.read_request(folder), gaussian_asset=str(path))
    request, route = complete_pair(folder, given, RecordingReporter(), 6)
    assert not route.steps and request.objects[0].name == "doll"
    spec = request.objects[0]
    vertices = protocol.read_arrays(folder / spec.mesh)["vertices"] @ np.array(spec.matrix_world)[:3, :3].T + np.array(spec.matrix_world)[:3, 3]
    np.testing.assert_allclose(vertices.min(axis=0), means.min(axis=0), atol=0.4)
    np.testing.assert_allclose(vertices.max(axis=0), means.max(axis=0), atol=0.4)
    kept = kept_gaussians(folder)
    assert kept is not None and kept.count == count
    there = kept.means.numpy() @ np.array(spec.matrix_world)[:3, :3].T + np.array(spec.matrix_world)[:3, 3]
    np.testing.assert_allclose(there, means, atol=1e-4)


def test_the_papers_own_models_make_a_pair(theatre: Theatre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SDXL, SVD and LGM, small and random: what they make shows nothing, so the mask says where something would be."""
    monkeypatch.setattr(catalog, "GENERATORS", (SDXL, ShortSVD, LGM))
    store = ModelStore()
    store.accept(ShortSVD.card)
    for kind, save in ((SDXL, saved.save_sdxl), (ShortSVD, saved.save_svd), (LGM, saved.save_lgm)):
        store.use(kind.card, save(tmp_path / kind.card.id))

    def middle(frames: np.ndarray, *_others: object) -> np.ndarray:
        alpha = np.zeros(frames.shape[:3], np.float32)
        alpha[:, frames.shape[1] // 4 : -frames.shape[1] // 4, frames.shape[2] // 4 : -frames.shape[2] // 4] = 1
        return alpha

    def wrapped(asset: GeneratedAsset, _report: Reporter) -> TexturedMesh:
        """A hull: how a mesh is extracted of Gaussians that show something is tested elsewhere."""
        hull = trimesh.convex.convex_hull(asset.gaussians.means.numpy())
        count = len(hull.faces)
        return TexturedMesh(np.float32(hull.vertices), np.int32(hull.faces), np.zeros((count, 3, 2), np.float32), np.zeros((2, 2, 3), np.uint8))

    monkeypatch.setattr(pair, "extract_mesh", wrapped)
    monkeypatch.setattr(foreground_model, "find_alpha", middle)
    settings = {"generators.steps": 1, "generators.scale": 1 / 16, "generators.frames": 2}
    folder = job_of(theatre, tmp_path, "text", **settings)
    report = RecordingReporter()
    request, route = complete_pair(folder, protocol.read_request(folder), report, len(PAPER_STAGES))
    assert [step.card.id for step in route.steps if step.card] == ["sdxl", "svd-14", "lgm"]
    assert len(request.video.images) == 2 and request.video.fps == 7
    assert kept_gaussians(folder) is not None
    assert request.objects[0].id == "generated"
    names = [event["name"] for event in report.events if event["event"] == "stage"]
    assert names == [pair.STAGES[product] for product in ("image", "video", "asset")]
    assert torch.isfinite(torch.tensor(np.array(request.camera.matrix_world))).all()
