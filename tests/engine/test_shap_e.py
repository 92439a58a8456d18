"""Shap-E: the published layout, its space against that of diffusers' own pictures of it, and the view that looks like the picture."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.shap_e.renderer import MLPNeRFModelOutput, ShapERenderer
from generator_models import save_shap_e
from torch import Tensor

from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.errors import Cancelled, EngineError
from align4d.generators import shap_e
from align4d.generators.facing import find_view, turned, turned_points
from align4d.generators.interfaces import GenerationOptions
from align4d.generators.shap_e import FOVY, ShapE, colored_surface, find_renderer, textured
from align4d.job.reporting import RecordingReporter
from align4d.models.placing import Place
from align4d.reconstruction.textured_asset import surface_gaussians
from align4d.rendering import Cameras, Gaussians, rasterize

CPU = Place(torch.device("cpu"))

BALLS = (
    ((0.0, 0, 0), 0.45, (0.5, 0.5, 0.5)),
    ((0.6, 0, 0), 0.3, (0.9, 0.1, 0.1)),
    ((0, -0.6, 0), 0.3, (0.1, 0.8, 0.1)),
    ((0, 0, 0.6), 0.3, (0.1, 0.1, 0.9)),
)
"""Center, radius and color in Shap-E's cube: red to the right, green in front, blue on top."""


class Balls(torch.nn.Module):
    """In the place of Shap-E's small network."""

    dtype = torch.float32

    def __init__(self) -> None:
        super().__init__()
        self.device_of = torch.nn.Parameter(torch.zeros(1))

    def forward(self, *, position: Tensor, ts: Any, **_: Any) -> MLPNeRFModelOutput:
        means, radii, colors = (torch.tensor(one) for one in zip(*BALLS, strict=True))
        inside = radii - (position[..., None, :] - means).norm(dim=-1)
        most, which = inside.max(-1, keepdim=True)
        return MLPNeRFModelOutput((most > 0).float() * 100, torch.tanh(5 * most), colors[which[..., 0]], ts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_shap_e(tmp_path_factory.mktemp("models") / "shap-e")


@pytest.fixture(scope="module")
def balls() -> tuple[ShapERenderer, Gaussians]:
    """Diffusers' renderer of them, and our Gaussians."""
    renderer = ShapERenderer(param_shapes=((8, 93), (8, 8), (8, 8), (8, 8)), d_latent=4, d_hidden=8)
    renderer.mlp = Balls()
    with torch.no_grad():
        surface, color = colored_surface(renderer, torch.randn(1, 32, 4), RecordingReporter())
    return renderer, surface_gaussians(textured(surface, color), 6000, 0)


def picture() -> np.ndarray:
    pixels = np.zeros((120, 100, 4), np.uint8)
    pixels[30:90, 30:80] = (200, 50, 30, 255)
    return pixels


def test_a_picture_becomes_a_mesh_and_gaussians(folder: Path) -> None:
    report = RecordingReporter()
    generator = ShapE.open(folder, CPU, GenerationOptions(steps=2))
    asset = generator.reconstruct(picture(), 0, report)
    assert asset.mesh is not None and not asset.exact
    span = asset.mesh.vertices.max(0) - asset.mesh.vertices.min(0)
    assert 0.7 < span.max() < 1.5  # turned about Z since it was 1
    assert asset.mesh.texture.shape == (1024, 1024, 3) and asset.mesh.corner_uv.shape == (len(asset.mesh.triangles), 3, 2)
    assert all(torch.isfinite(tensor).all() for tensor in asset.gaussians.named().values())
    assert not any(tensor.is_inference() for tensor in asset.gaussians.named().values())
    steps = [(event["done"], event["total"]) for event in report.events if event.get("event") == "progress"]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert asset.camera.fovy == pytest.approx(FOVY) and asset.camera.distance > 1
    generator.close()


def test_a_cancel_is_heard_within_a_step(folder: Path) -> None:
    report = RecordingReporter()
    report.cancelled.set()
    with pytest.raises(Cancelled):
        ShapE.open(folder, CPU, GenerationOptions(steps=50)).reconstruct(picture(), 0, report)
    assert not report.events


def test_no_pickle_is_needed_and_none_is_read(folder: Path, tmp_path: Path) -> None:
    assert find_renderer(folder).folder.name == "renderer"
    both = tmp_path / "both"
    shutil.copytree(folder, both)
    shutil.copy(both / "renderer" / "diffusion_pytorch_model.fp16.safetensors", both / "shap_e_renderer")
    assert find_renderer(both).folder.name == "shap_e_renderer"
    shutil.rmtree(both / "renderer")
    (both / "shap_e_renderer" / "diffusion_pytorch_model.fp16.safetensors").unlink()
    with pytest.raises(EngineError) as caught:
        ShapE.open(both, CPU, GenerationOptions())
    assert caught.value.code == "model_pickle"
    shutil.rmtree(both / "shap_e_renderer")
    with pytest.raises(EngineError) as caught:
        ShapE.open(both, CPU, GenerationOptions())
    assert caught.value.code == "model_layout"


@pytest.mark.parametrize(("height", "words"), [(-1.0, "made nothing of"), (None, "nothing but noise")])
def test_what_is_no_object_is_said(balls: tuple[ShapERenderer, Gaussians], monkeypatch: pytest.MonkeyPatch, height: float | None, words: str) -> None:
    def answer(_: Any, places: np.ndarray, *__: Any) -> np.ndarray:
        return np.random.default_rng(0).normal(size=len(places)) if height is None else np.full(len(places), height)

    monkeypatch.setattr(shap_e, "ask", answer)
    with pytest.raises(EngineError, match=words) as caught:
        colored_surface(balls[0], torch.randn(1, 32, 4), RecordingReporter())
    assert caught.value.code == "model_output"


@pytest.mark.parametrize("index", [0, 12])
def test_its_space_is_ours(balls: tuple[ShapERenderer, Gaussians], index: int) -> None:
    """Diffusers' own picture, from above by arctan 1/2, is ours from that direction: Z is up, and the first view looks along +Y."""
    renderer, gaussians = balls
    pictures = renderer.decode_to_image(torch.randn(1, 32, 4), "cpu", size=32, n_coarse_samples=32, n_fine_samples=16)
    shown = pictures[index].clamp(0, 1).numpy()
    covered = (shown < 0.97).any(-1)
    rgba = (np.dstack([shown, covered]) * 255).round().astype(np.uint8)
    azimuth, elevation = find_view(gaussians, rgba, RecordingReporter())
    expected = -360 * index / 19  # they go round clockwise
    assert abs((azimuth - expected + 180) % 360 - 180) <= 10
    assert abs(elevation - np.degrees(np.arctan(0.5))) <= 10


def test_the_view_that_looks_like_the_picture_becomes_the_front(balls: tuple[ShapERenderer, Gaussians]) -> None:
    gaussians = balls[1]
    given = seen(gaussians, Orbit(azimuth=130, elevation=5, distance=2.5))
    azimuth, elevation = find_view(gaussians, given, RecordingReporter())
    assert (azimuth, elevation) == (130, 5)
    again = seen(turned(gaussians, azimuth), Orbit(azimuth=0, elevation=5, distance=2.5))
    assert np.abs(again.astype(float) - given).mean() < 1
    points = turned_points(gaussians.means, azimuth)
    torch.testing.assert_close(points, turned(gaussians, azimuth).means)


def seen(gaussians: Gaussians, orbit: Orbit) -> np.ndarray:
    camera = Cameras(torch.from_numpy(orbit.world_to_camera()).float()[None], torch.from_numpy(intrinsics_for(40, 80, 80)).float()[None])
    found = rasterize(gaussians, camera, (80, 80))
    pixels = torch.cat([found.color[0], found.alpha[0]]).permute(1, 2, 0)
    return (pixels.clamp(0, 1).numpy() * 255).round().astype(np.uint8)


def test_its_card_says_what_it_takes() -> None:
    card = ShapE.card
    assert card.license == "MIT" and not card.non_commercial
    assert card.need.offloaded < card.need.device < 8_000_000_000
    assert {"prior", "image_encoder", "renderer", "scheduler"} <= set(card.parts)
