"""The prior that ships with the product: what it knows, and what it is told."""

from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from align4d.cameras.orbit import Orbit
from align4d.errors import EngineError
from align4d.priors.compact_weights import compact, restored
from align4d.priors.embedded import PURE_NOISE, WEIGHTS, EmbeddedPrior, load_embedded_prior, load_network, save_network
from align4d.priors.embedded_network import NetworkConfig, NovelViewNetwork
from align4d.priors.prior import RelativeCamera, guided_noise, same_apparent_size
from align4d.priors.schedule import scaled_linear
from align4d.priors.view_geometry import camera_transforms, plucker_rays

SMALL = NetworkConfig(widths=(16, 32, 32), head=16, embedding=16, blocks=(1, 1, 1), convolutions=(1, 1))


def small_network() -> NovelViewNetwork:
    torch.manual_seed(0)
    network = NovelViewNetwork(SMALL)
    for parameter in network.parameters():  # nothing may start as zero, or paths would be invisible
        torch.nn.init.normal_(parameter, std=0.05)
    return network


@pytest.fixture(scope="module")
def prior() -> EmbeddedPrior:
    return load_embedded_prior("cpu")


def disc(offset: float) -> torch.Tensor:
    """(1, 3, 64, 64) an orange disc on white."""
    grid = (torch.arange(64) + 0.5) / 32 - 1
    inside = ((grid[None, :] - offset) ** 2 + grid[:, None] ** 2 < 0.3**2).float()
    color = torch.tensor([0.9, 0.5, 0.1])[:, None, None]
    return (1 - inside * (1 - color))[None]


def test_rays_meet_what_the_orbit_camera_sees() -> None:
    camera = Orbit(azimuth=37, elevation=21, distance=1.9)
    elevation, azimuth = (torch.deg2rad(torch.tensor([value])) for value in (21.0, 37.0))
    rays = plucker_rays(elevation, azimuth, torch.tensor([1.9]), 32)[0].numpy()
    point = np.array([0.1, -0.2, 0.15])
    seen = camera.world_to_camera()[:3] @ [*point, 1]
    place = seen[:2] / seen[2] / np.tan(np.radians(49.1 / 2)) * 16 + 16 - 0.5
    column, row = np.round(place).astype(int)
    direction, moment = rays[:3, row, column], rays[3:, row, column]
    # the distance of a point from a Plücker line: |m - p x d|; a cell is 0.05 wide there
    assert np.linalg.norm(moment - np.cross(point, direction)) < 0.05
    assert np.allclose(np.cross(camera.position(), direction), moment, atol=1e-5)


def test_transforms_are_inverse() -> None:
    there, back = camera_transforms(torch.tensor([0.3, -0.2]), torch.tensor([1.0, 2.0]), torch.tensor([1.5, 2.2]))
    assert torch.allclose(there @ back, torch.eye(4).expand(2, 4, 4), atol=1e-6)


def test_attention_knows_only_relative_cameras() -> None:
    """Turning both cameras about the object's axis changes nothing but the rays, which are in the condition's frame anyway."""
    network = small_network()
    picture = torch.randn(1, 3, 64, 64)
    view = torch.tensor([0.2]), torch.tensor([1.8])
    features = network.condition(picture, *view, torch.ones(1))
    first = network(picture, torch.zeros(1), torch.tensor([0.1]), torch.tensor([0.7]), torch.tensor([1.8]), features)
    whole_turn = network(picture, torch.zeros(1), torch.tensor([0.1]), torch.tensor([0.7 + 2 * np.pi]), torch.tensor([1.8]), features)
    other = network(picture, torch.zeros(1), torch.tensor([0.1]), torch.tensor([-0.7]), torch.tensor([1.8]), features)
    assert torch.allclose(first, whole_turn, atol=1e-4)
    assert (first - other).abs().max() > 1e-3


def test_condition_is_seen_and_null_is_not(prior: EmbeddedPrior) -> None:
    zero = torch.zeros(1)
    left, right = (prior.condition(disc(offset), zero, zero + 1.85) for offset in (-0.3, 0.3))
    clean = prior.encode(disc(-0.3))
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    late = torch.full((1,), 800)
    noisy = prior.schedule.add_noise(clean, noise, late)

    def error(condition) -> float:
        return float(((prior.predict_noise(noisy, late, condition, RelativeCamera.same(1)) - noise) ** 2).mean())

    assert error(left) < error(prior.null(1)) < error(right)


def test_same_view_comes_back(prior: EmbeddedPrior) -> None:
    zero = torch.zeros(1)
    picture = disc(0.1)
    condition = prior.condition(picture, zero, zero + 1.85)
    last = torch.full((1,), 999)
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    noisy = prior.schedule.add_noise(prior.encode(picture), noise, last)
    found = prior.schedule.clean(noisy, prior.predict_noise(noisy, last, condition, RelativeCamera.same(1)), last) / 2 + 0.5
    psnr = -10 * ((found - picture) ** 2).mean().log10()
    assert psnr > 22, f"from pure noise the condition's own view came back at {psnr:.1f} dB"


def test_schedule_ends_in_noise_and_else_is_stable_diffusions(prior: EmbeddedPrior) -> None:
    ours, theirs = prior.schedule.abar.sqrt(), scaled_linear().abar.sqrt()
    assert float(ours[0]) == pytest.approx(float(theirs[0]), abs=1e-6)
    assert float(ours[-1]) == pytest.approx(np.cos(np.radians(PURE_NOISE)), rel=1e-4)
    assert (ours.diff() < 0).all() and (ours - theirs).abs().max() < 0.06


def test_conditions_are_taken_by_index(prior: EmbeddedPrior) -> None:
    zero = torch.zeros(2)
    both = prior.condition(torch.cat([disc(-0.3), disc(0.3)]), zero, zero + 1.85)
    taken = both.take(torch.tensor([1, 0, 1]))
    noisy = torch.randn(1, 3, 64, 64).expand(3, -1, -1, -1)
    predicted = prior.predict_noise(noisy, torch.full((3,), 700), taken, RelativeCamera.same(3))
    assert torch.allclose(predicted[0], predicted[2], atol=1e-5)
    assert (predicted[0] - predicted[1]).abs().max() > 1e-2


def test_guidance_pushes_away_from_null(prior: EmbeddedPrior) -> None:
    zero = torch.zeros(1)
    condition = prior.condition(disc(0.2), zero + 20, zero + 1.7)
    noisy, when, camera = torch.randn(1, 3, 64, 64), torch.full((1,), 700), RelativeCamera.same(1)
    given = prior.predict_noise(noisy, when, condition, camera)
    nothing = dataclasses.replace(prior.null(1), elevation=condition.elevation, distance=condition.distance)
    free = prior.predict_noise(noisy, when, nothing, camera)
    assert torch.allclose(guided_noise(prior, noisy, when, condition, camera, 1), given)
    assert torch.allclose(guided_noise(prior, noisy, when, condition, camera, 3), free + 3 * (given - free), atol=1e-5)


def test_distances_convert_by_apparent_size() -> None:
    far = same_apparent_size(1.85, 49.1, 20.0)
    assert far / 1.85 == pytest.approx(np.tan(np.radians(24.55)) / np.tan(np.radians(10)))
    assert same_apparent_size(far, 20.0, 49.1) == pytest.approx(1.85)


def test_weights_come_back(tmp_path: Path) -> None:
    network = small_network()
    save_network(network, tmp_path / "w.safetensors", {"steps": "3"})
    loaded = load_network(tmp_path / "w.safetensors")
    assert loaded.config == SMALL
    for name, tensor in network.state_dict().items():
        step = float(tensor.abs().max()) / 127
        assert torch.allclose(loaded.state_dict()[name], tensor, rtol=0, atol=0.5001 * step), name
    picture, view = torch.randn(1, 3, 64, 64), (torch.tensor([0.2]), torch.tensor([1.8]))
    told = torch.zeros(1), torch.tensor([0.1]), torch.tensor([0.7]), torch.tensor([1.8])
    before, after = (one(picture, *told, one.condition(picture, *view, torch.ones(1))) for one in (network, loaded))
    assert (before - after).norm() < 0.02 * before.norm()


def test_large_tensors_take_a_byte_each() -> None:
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(64, 32, 3, 3, generator=generator) * torch.logspace(-6, 3, 64)[:, None, None, None]
    kernel[5] = 0
    weights = {"kernel": kernel.contiguous(memory_format=torch.channels_last), "bias": torch.randn(64, generator=generator)}
    stored = compact(weights)
    assert sum(tensor.nbytes for tensor in stored.values()) < 1.05 * kernel.numel()
    back = restored(stored)
    assert back.keys() == weights.keys()
    error = (back["kernel"] - kernel).flatten(1).norm(dim=1) / kernel.flatten(1).norm(dim=1).clamp_min(1e-30)
    assert error.max() < 0.01, "every channel has its own scale"


def test_half_precision_files_are_read_too(tmp_path: Path) -> None:
    network = small_network()
    half = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(half, tmp_path / "w.safetensors", {"config": json.dumps(dataclasses.asdict(SMALL))})
    loaded = load_network(tmp_path / "w.safetensors").state_dict()
    for name, tensor in half.items():
        assert torch.equal(loaded[name], tensor.float()), name


@pytest.mark.parametrize("damage", ["missing", "truncated", "pickle", "huge header", "no scales", "other network"])
def test_bad_weights_are_an_error_with_words(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    if damage == "truncated":
        path.write_bytes(WEIGHTS.read_bytes()[:100_000])
    elif damage == "pickle":
        torch.save({"a": torch.zeros(3)}, path)
    elif damage == "huge header":
        path.write_bytes(struct.pack("<Q", 10 << 30) + b"{}")
    elif damage == "no scales":
        stored = {name: tensor for name, tensor in compact(small_network().state_dict()).items() if not name.endswith(".scale")}
        save_file(stored, path, {"config": json.dumps(dataclasses.asdict(SMALL))})
    elif damage == "other network":
        save_file({"a": torch.zeros(3)}, path, {"config": json.dumps(dataclasses.asdict(SMALL))})
    with pytest.raises(EngineError) as caught:
        load_embedded_prior("cpu", path)
    assert caught.value.code == "prior_weights"


def test_shipped_weights_are_small_enough() -> None:
    assert WEIGHTS.stat().st_size <= 32 * 2**20
