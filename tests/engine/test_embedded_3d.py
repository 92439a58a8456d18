"""Image to 3D with nothing downloaded: a held-out object of the kind that the prior knows, from one picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from align4d_lab.datasets.procedural import HELD_OUT_SEED, make_objects, render_objects
from align4d_lab.metrics.mesh_picture import PictureCamera, draw
from torch import Tensor

from align4d.cameras.orbit import intrinsics_for
from align4d.generators.embedded_3d import Embedded3D
from align4d.generators.interfaces import GeneratedAsset, GenerationOptions
from align4d.job.reporting import RecordingReporter
from align4d.models.placing import Place
from align4d.priors.embedded import EmbeddedPrior, load_embedded_prior
from align4d.priors.prior import Condition, RelativeCamera
from align4d.reconstruction.inflation import inflated
from align4d.reconstruction.textured_asset import as_asset
from align4d.rendering import Cameras, rasterize

SIZE = 128
ASKED = (0.0, -40.0, 40.0, 90.0)
"""Sides that are looked at, relative to the picture's [degrees]."""
DISTANCE = 1.85


@dataclass(frozen=True)
class Subject:
    """True pictures (V, S, S, 3) uint8 on white from ASKED, and the first of them with its mask (S, S, 4)."""

    truth: np.ndarray
    picture: np.ndarray


@pytest.fixture(scope="module")
def subject() -> Subject:
    """A procedural object; its mask is known because it is drawn with many samples on white, and keyed here by its color."""
    objects = torch.from_numpy(make_objects(HELD_OUT_SEED + 3, 1))
    cameras = torch.tensor([[[0.0, np.radians(azimuth), DISTANCE] for azimuth in ASKED]], dtype=torch.float32)
    truth = (render_objects(objects, cameras, SIZE, 3)[0].permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    mask = np.where(truth[0].min(axis=2) < 250, 255, 0).astype(np.uint8)
    return Subject(truth, np.dstack([truth[0], mask]))


@pytest.fixture(scope="module")
def prior() -> EmbeddedPrior:
    return load_embedded_prior("cpu")


@pytest.fixture(scope="module")
def made(subject: Subject, prior: EmbeddedPrior) -> GeneratedAsset:
    return Embedded3D(prior, prior.facts).reconstruct(subject.picture, 0, RecordingReporter())


def seen(made: GeneratedAsset, turn: float) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8 of the mesh."""
    assert made.mesh is not None
    camera = made.camera.moved(azimuth=made.camera.azimuth + turn)
    return draw(as_asset(made.mesh), made.mesh.vertices, PictureCamera(camera.world_to_camera(), made.camera.fovy, (SIZE, SIZE)))


def error(first: np.ndarray, second: np.ndarray) -> float:
    return float(((first.astype(float) - second) ** 2).mean())


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    one, two = first.min(axis=2) < 247, second.min(axis=2) < 247
    return float((one & two).sum() / (one | two).sum())


def test_closed_surface_in_the_normalized_space(made: GeneratedAsset) -> None:
    assert made.mesh is not None
    mesh = trimesh.Trimesh(made.mesh.vertices, made.mesh.triangles, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    low, high = made.mesh.vertices.min(axis=0), made.mesh.vertices.max(axis=0)
    np.testing.assert_allclose(low + high, 0, atol=1e-5)
    assert (high - low).max() == pytest.approx(1, abs=1e-5)


def test_looks_like_the_picture_from_its_camera(made: GeneratedAsset, subject: Subject) -> None:
    picture = seen(made, 0.0)
    assert overlap(picture, subject.truth[0]) > 0.9
    inside = (picture.min(axis=2) < 247) & (subject.truth[0].min(axis=2) < 247)
    assert np.abs(picture[inside].astype(float) - subject.truth[0][inside]).mean() < 20


def test_gaussians_look_like_the_mesh(made: GeneratedAsset) -> None:
    pose = torch.from_numpy(made.camera.world_to_camera()).float()[None]
    lens = torch.from_numpy(intrinsics_for(made.camera.fovy, SIZE, SIZE)).float()[None]
    drawn = rasterize(made.gaussians, Cameras(pose, lens), (SIZE, SIZE)).color[0].permute(1, 2, 0).numpy()
    assert error(drawn * 255, seen(made, 0.0)) < 0.25 * error(np.full((SIZE, SIZE, 3), 255), seen(made, 0.0))


def test_other_sides_are_truer_than_an_inflated_outline(made: GeneratedAsset, subject: Subject, prior: EmbeddedPrior) -> None:
    inflated_only = Embedded3D(None, prior.facts).reconstruct(subject.picture, 0, RecordingReporter())
    sides = list(zip(ASKED[1:], subject.truth[1:], strict=True))
    ours, theirs = (np.mean([error(seen(one, turn), true) for turn, true in sides]) for one in (made, inflated_only))
    assert ours < 0.9 * theirs


def test_same_seed_same_asset(made: GeneratedAsset, subject: Subject, prior: EmbeddedPrior) -> None:
    again = Embedded3D.open(Path(), Place(torch.device("cpu")), GenerationOptions()).reconstruct(subject.picture, 0, RecordingReporter())
    assert made.mesh is not None and again.mesh is not None
    for name, array in vars(made.mesh).items():
        np.testing.assert_array_equal(array, getattr(again.mesh, name), err_msg=name)


class Blind(EmbeddedPrior):
    """Sees nothing but background, whatever it is shown."""

    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition, camera: RelativeCamera) -> Tensor:
        abar = self.schedule.at(timestep, noisy)
        return (noisy - abar.sqrt()) / (1 - abar).sqrt()


def test_a_prior_that_sees_nothing_is_said_and_the_outline_has_to_do(subject: Subject, prior: EmbeddedPrior) -> None:
    report = RecordingReporter()
    asset = Embedded3D(Blind(prior.network), prior.facts).reconstruct(subject.picture, 0, report)
    assert [event["code"] for event in report.events if event["event"] == "warning"] == ["outline_only"]
    assert asset.mesh is not None and trimesh.Trimesh(asset.mesh.vertices, asset.mesh.triangles, process=False).is_watertight
    assert overlap(seen(asset, 0.0), subject.truth[0]) > 0.9


def test_a_small_object_in_a_wide_picture_is_found_where_it_is(subject: Subject, prior: EmbeddedPrior) -> None:
    wide = np.zeros((300, 500, 4), np.uint8)
    wide[20 : 20 + SIZE, 330 : 330 + SIZE] = subject.picture
    asset = Embedded3D(prior, prior.facts).reconstruct(wide, 0, RecordingReporter())
    assert asset.mesh is not None
    view = PictureCamera(asset.camera.world_to_camera(), asset.camera.fovy, (500, 300))
    drawn = draw(as_asset(asset.mesh), asset.mesh.vertices, view)
    truth = np.where(wide[..., 3:] > 0, wide[..., :3], 255)
    assert overlap(drawn, truth) > 0.85


def test_a_disc_inflates_to_a_ball_and_a_strip_to_less() -> None:
    grid = np.hypot(*(np.indices((61, 61)) - 30))
    ball = inflated(grid < 24)
    np.testing.assert_allclose(ball[30, 30], 24 * np.sqrt(3 / 4), rtol=0.05)
    strip = np.zeros((200, 41), bool)
    strip[:, 10:31] = True
    assert inflated(strip)[100, 20] == pytest.approx(10.5 * np.sqrt(3 / 2), rel=0.1)
