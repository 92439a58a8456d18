"""LGM: the published names and shapes, its cameras, and its Gaussians in the engine's own space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from generator_models import SMALL_LGM, save_lgm
from safetensors.torch import load_file, save_file
from torch import Tensor

from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.errors import EngineError
from align4d.generators.asset_space import normalized
from align4d.generators.interfaces import GenerationOptions
from align4d.generators.lgm import DISTANCE, FOVY, IMAGEDREAM, LGM, WEIGHTS, load_gaussian_network, view_rays
from align4d.generators.lgm_network import BIG, GaussianUNet, activated, read_config
from align4d.generators.pictures import Crop, around_object, cut_out, whole_picture_camera
from align4d.job.reporting import RecordingReporter
from align4d.models import placing
from align4d.models.placing import Place
from align4d.motion.rotations import matrix_from_quaternion
from align4d.rendering import Cameras, Gaussians, rasterize

CPU = Place(torch.device("cpu"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_lgm(tmp_path_factory.mktemp("models") / "lgm")


def picture() -> np.ndarray:
    pixels = np.zeros((120, 100, 4), np.uint8)
    pixels[30:90, 30:80] = (200, 50, 30, 255)
    return pixels


def test_the_network_has_the_published_names_and_shapes() -> None:
    with torch.device("meta"):
        network = GaussianUNet(BIG)
    shapes = {name: tuple(one.shape) for name, one in network.state_dict().items()}
    assert sum(one.numel() for one in network.parameters()) * 2 == pytest.approx(830_000_000, rel=2e-3)  # the published file, in half precision
    expected = {
        "unet.conv_in.weight": (64, 9, 3, 3),
        "unet.down_blocks.0.nets.1.conv2.weight": (64, 64, 3, 3),
        "unet.down_blocks.3.nets.0.shortcut.weight": (512, 256, 1, 1),
        "unet.down_blocks.3.attns.1.attn.qkv.weight": (1536, 512),
        "unet.down_blocks.4.downsample.weight": (1024, 1024, 3, 3),
        "unet.mid_block.attns.0.attn.proj.bias": (1024,),
        "unet.mid_block.nets.1.norm1.weight": (1024,),
        "unet.up_blocks.0.nets.0.conv1.weight": (1024, 2048, 3, 3),
        "unet.up_blocks.2.nets.2.conv1.weight": (512, 768, 3, 3),
        "unet.up_blocks.2.attns.2.norm.bias": (512,),
        "unet.up_blocks.3.upsample.weight": (256, 256, 3, 3),
        "unet.up_blocks.4.nets.2.conv1.weight": (128, 192, 3, 3),
        "unet.norm_out.weight": (128,),
        "unet.conv_out.weight": (14, 128, 3, 3),
        "conv.weight": (14, 14, 1, 1),
    }
    assert {name: shapes.get(name) for name in expected} == expected
    absent = ("unet.down_blocks.5.downsample.weight", "unet.up_blocks.4.upsample.weight", "unet.up_blocks.3.attns.0.norm.weight")
    assert not set(absent) & set(shapes)
    assert read_config(shapes) == BIG


def test_views_attend_to_each_other() -> None:
    torch.manual_seed(0)
    network = GaussianUNet(SMALL_LGM).eval()
    pictures = torch.randn(4, 9, 64, 64)
    changed = pictures.clone()
    changed[3] += 1
    with torch.no_grad():
        first, other = (network(one).unflatten(0, (4, -1)) for one in (pictures, changed))
    assert first.shape[1:] == (8 * 8, 14)
    assert (first[0] - other[0]).abs().max() > 1e-6


def test_gaussians_are_in_their_ranges() -> None:
    found = activated(torch.randn(100, 14) * 5)
    assert found.means.abs().max() <= 1
    assert (found.scales > 0).all()
    assert ((found.opacities >= 0) & (found.opacities <= 1)).all()
    assert ((found.colors >= 0) & (found.colors <= 1)).all()
    torch.testing.assert_close(found.quats.norm(dim=1), torch.ones(100))


def test_rays_start_at_four_cameras_around_the_object() -> None:
    rays = view_rays(64)
    moment, direction = rays[:, :3], rays[:, 3:]
    torch.testing.assert_close(direction.norm(dim=1), torch.ones(4, 64, 64))
    places = torch.tensor([[0, 0, 1.0], [1, 0, 0], [0, 0, -1], [-1, 0, 0]]) * DISTANCE
    expected = torch.cross(places[:, :, None, None].expand_as(direction), direction, dim=1)
    torch.testing.assert_close(moment, expected, atol=1e-6, rtol=0)
    middle = direction[:, :, 31:33, 31:33].mean((2, 3))
    torch.testing.assert_close(middle, -places / DISTANCE * middle.norm(dim=1, keepdim=True), atol=1e-6, rtol=0)
    assert (direction[0, 1, 0] > 0).all() and (direction[0, 0, :, -1] > 0).all()  # up is up, right is right


def cloud(count: int = 400) -> Gaussians:
    """In LGM's space: Y up, front towards +Z."""
    generator = torch.Generator().manual_seed(0)
    means = torch.rand(count, 3, generator=generator) * torch.tensor([0.8, 1.1, 0.5]) + torch.tensor([-0.3, -0.4, -0.2])
    quats = torch.nn.functional.normalize(torch.randn(count, 4, generator=generator), dim=1)
    scales = torch.rand(count, 3, generator=generator) * 0.05 + 0.005
    return Gaussians(means, quats, scales, torch.full((count,), 0.9), torch.rand(count, 3, generator=generator))


def test_in_the_engines_space_it_looks_the_same() -> None:
    found, camera = normalized(cloud(), Orbit(distance=DISTANCE))
    span = found.means.amax(0) - found.means.amin(0)
    assert float(span.max()) == pytest.approx(1, abs=0.02) and span.argmax() == 2  # it is tallest, and Z is up
    assert abs(float((found.means.amax(0) + found.means.amin(0)).abs().max())) < 0.03
    torch.testing.assert_close(seen_by(found, camera), seen_in_front(cloud()), atol=2e-3, rtol=0)


def seen_by(gaussians: Gaussians, camera: Orbit) -> Tensor:
    return shown(gaussians, camera.world_to_camera())


def seen_in_front(gaussians: Gaussians) -> Tensor:
    """By LGM's first camera, which looks from +Z, Y up."""
    matrix = np.diag([1.0, -1, -1, 1])
    matrix[2, 3] = DISTANCE
    return shown(gaussians, matrix)


def shown(gaussians: Gaussians, world_to_camera: np.ndarray) -> Tensor:
    cameras = Cameras(torch.from_numpy(world_to_camera).float()[None], torch.from_numpy(intrinsics_for(FOVY, 64, 64)).float()[None])
    return rasterize(gaussians, cameras, (64, 64), backend="reference").color


def test_the_front_goes_to_the_front() -> None:
    one, three = cloud(1), cloud(3)
    placed = replace(three, means=torch.tensor([[0, 0, 0.5], [0, 0.6, 0], [0, -0.6, 0]]), quats=one.quats.expand(3, 4))
    turned, _ = normalized(placed, Orbit(distance=DISTANCE))
    assert turned.means[0, 1] < 0 and turned.means[1, 2] > 0
    axis = matrix_from_quaternion(one.quats)[0]
    expected = torch.stack([axis[0], -axis[2], axis[1]])
    torch.testing.assert_close(matrix_from_quaternion(turned.quats)[0], expected)


def test_the_camera_of_a_crop_is_that_of_its_picture() -> None:
    crop = Crop(left=40, top=10, side=60)
    camera = whole_picture_camera(Orbit(distance=1.5, fovy=FOVY), crop, (200, 300))
    focal = intrinsics_for(camera.fovy, 300, 200)[0, 0]
    assert focal == pytest.approx(intrinsics_for(FOVY, 60, 60)[0, 0])
    middle = intrinsics_for(camera.fovy, 300, 200) @ camera.world_to_camera()[:3, 3]
    np.testing.assert_allclose(middle[:2] / middle[2], (70, 40), atol=2)


def test_a_cut_reaches_over_the_border_and_hides_no_colors() -> None:
    pixels = picture()
    crop = around_object(pixels[..., 3], 0.2)
    assert crop.side == pytest.approx(75) and crop.left == pytest.approx(17.5)
    cut = cut_out(pixels, Crop(-50, -50, 250), 50)
    assert cut.shape == (50, 50, 4) and cut[0, 0, 3] == 0
    solid = cut[..., 3] > 128
    assert np.abs(cut[solid][:, :3].astype(int) - (200, 50, 30)).max() <= 8
    assert around_object(np.zeros((10, 20), np.uint8), 0.2).side == 20


def test_a_picture_becomes_gaussians(folder: Path) -> None:
    report = RecordingReporter()
    generator = LGM.open(folder, CPU, GenerationOptions(steps=1))
    asset = generator.reconstruct(picture(), 0, report)
    assert 0 < asset.gaussians.count <= 4 * 32 * 32
    assert asset.mesh is None
    assert all(torch.isfinite(tensor).all() for tensor in asset.gaussians.named().values())
    assert abs(asset.camera.azimuth) < 30
    assert report.events[-1]["done"] == 1


def test_the_published_layout_is_wanted(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        LGM.open(folder / IMAGEDREAM, CPU, GenerationOptions())
    assert caught.value.code == "model_layout" and WEIGHTS[0] in caught.value.message
    weights = load_file(folder / WEIGHTS[0])
    weights.pop("unet.mid_block.nets.1.conv1.bias")
    save_file(weights, tmp_path / WEIGHTS[0])
    with pytest.raises(EngineError) as caught:
        load_gaussian_network(tmp_path / WEIGHTS[0], torch.float32)
    assert caught.value.code == "model_file" and "mid_block" in caught.value.message
    save_file({"a": torch.zeros(1)}, tmp_path / WEIGHTS[0])
    with pytest.raises(EngineError) as caught:
        load_gaussian_network(tmp_path / WEIGHTS[0], torch.float32)
    assert caught.value.code == "model_file"


def test_too_little_memory_is_a_sentence_before_anything_is_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "free_host_bytes", lambda: 100_000_000)
    with pytest.raises(EngineError) as caught:
        LGM.open(folder, CPU, GenerationOptions())
    assert caught.value.code == "model_memory"


def test_the_published_models_fit_eight_gigabytes() -> None:
    assert LGM.card.need.offloaded <= LGM.card.need.device < 8_000_000_000
