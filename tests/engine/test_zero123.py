"""Zero123 and Stable-Zero123, on small models in the published layouts: conditioning, null conditions, latents, gradients."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from prior_models import save_zero123
from safetensors.torch import load_file

from align4d.priors.loading import PriorSpec, load_prior
from align4d.priors.prior import Condition, RelativeCamera, guided_noise
from align4d.priors.prior_options import PriorOptions
from align4d.priors.schedule import scaled_linear
from align4d.priors.zero123 import STABLE_ZERO123, ZERO123, Zero123Prior, camera_numbers

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_zero123(tmp_path_factory.mktemp("models") / "zero123-xl-diffusers")


@pytest.fixture(scope="module")
def prior(folder: Path) -> Zero123Prior:
    loaded = load_prior(PriorSpec(str(folder)), CPU)
    assert isinstance(loaded, Zero123Prior)
    return loaded


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def condition(prior: Zero123Prior, pictures: torch.Tensor) -> Condition:
    return prior.condition(pictures, torch.tensor([10.0, 20.0]), torch.tensor([1.5, 1.8]))


def camera(elevation: float, azimuth: float, distance: float, count: int = 2) -> RelativeCamera:
    return RelativeCamera(*(torch.full((count,), value) for value in (elevation, azimuth, distance)))


def noisy(count: int = 2) -> torch.Tensor:
    return torch.randn(count, 4, 32, 32, generator=torch.Generator().manual_seed(7))


def test_a_higher_camera_has_a_smaller_polar_angle_and_azimuth_keeps_its_sign() -> None:
    numbers = camera_numbers(torch.zeros(2), RelativeCamera(torch.tensor([10.0, -30]), torch.tensor([90.0, -30]), torch.tensor([0.3, -0.2])), True)
    expected = [[-math.radians(10), 1.0, 0.0, 0.3], [math.radians(30), -0.5, math.cos(math.radians(30)), -0.2]]
    torch.testing.assert_close(numbers, torch.tensor(expected), atol=1e-6, rtol=0)


def test_the_same_camera_is_told_as_eq_8_has_it() -> None:
    torch.testing.assert_close(camera_numbers(torch.tensor([25.0]), RelativeCamera.same(1), True), torch.tensor([[0.0, 0, 1, 0]]))


def test_stable_zero123_is_told_the_polar_angle_of_the_condition_instead_of_a_distance() -> None:
    numbers = camera_numbers(torch.tensor([20.0]), camera(10, 0, 0.7, 1), False)
    torch.testing.assert_close(numbers, torch.tensor([[-math.radians(10), 0.0, 1.0, math.radians(70)]]))


def test_facts() -> None:
    xl, stable = ZERO123.facts(), STABLE_ZERO123.facts()
    assert (xl.fovy, xl.distances, xl.takes_distance, xl.license) == (49.13, (1.5, 2.2), True, "MIT")
    assert (xl.size, xl.latent_size, xl.channels, xl.views) == (256, 32, 4, 1)
    assert (stable.fovy, stable.distances, stable.takes_distance) == (20.0, (3.8, 3.8), False)
    assert "non-commercial" in stable.license


def test_prediction_is_the_unets_on_the_latents_and_the_projected_context(folder: Path, prior: Zero123Prior, condition: Condition) -> None:
    unet: Any = UNet2DConditionModel.from_pretrained(folder / "unet")
    layer = load_file(folder / "clip_camera_projection" / "diffusion_pytorch_model.safetensors")
    embedding, latent, _ = condition.features
    told = torch.tensor([[-math.radians(5), math.sin(1), math.cos(1), 0.25]]).expand(2, 4)
    context = torch.cat([embedding, told], 1) @ layer["proj.weight"].T + layer["proj.bias"]
    when = torch.tensor([400, 800])
    with torch.no_grad():
        expected = unet(torch.cat([noisy(), latent], 1), when, encoder_hidden_states=context[:, None]).sample
    found = prior.predict_noise(noisy(), when, condition, camera(5, math.degrees(1), 0.25))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_latents_are_scaled_where_they_are_denoised_and_not_in_the_condition(
    folder: Path, prior: Zero123Prior, pictures: torch.Tensor, condition: Condition
) -> None:
    vae: Any = AutoencoderKL.from_pretrained(folder / "vae")
    with torch.no_grad():
        mode = vae.encode(pictures * 2 - 1).latent_dist.mode()
        torch.testing.assert_close(condition.features[1], mode)
        torch.testing.assert_close(prior.encode(pictures), mode * 0.18215)


def test_without_a_condition_context_and_latent_are_zeros(folder: Path, prior: Zero123Prior) -> None:
    unet: Any = UNet2DConditionModel.from_pretrained(folder / "unet")
    when = torch.tensor([500, 500])
    with torch.no_grad():
        expected = unet(torch.cat([noisy(), torch.zeros(2, 4, 32, 32)], 1), when, encoder_hidden_states=torch.zeros(2, 1, 16)).sample
    found = prior.predict_noise(noisy(), when, prior.null(2), camera(20, 40, 0.1))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_guidance_extrapolates_from_no_condition_to_the_condition(prior: Zero123Prior, condition: Condition) -> None:
    when, side = torch.tensor([500, 500]), camera(0, 60, 0)
    given = prior.predict_noise(noisy(), when, condition, side)
    free = prior.predict_noise(noisy(), when, prior.null(2), side)
    assert (given - free).abs().max() > 1e-3
    torch.testing.assert_close(guided_noise(prior, noisy(), when, condition, side, 3.0), free + 3 * (given - free))
    torch.testing.assert_close(guided_noise(prior, noisy(), when, condition, side, 1.0), given)


def test_every_number_of_the_camera_counts(prior: Zero123Prior, condition: Condition) -> None:
    when = torch.tensor([500, 500])
    base = prior.predict_noise(noisy(), when, condition, camera(0, 30, 0))
    for other in (camera(10, 30, 0), camera(0, -30, 0), camera(0, 150, 0), camera(0, 30, 0.3)):
        assert (prior.predict_noise(noisy(), when, condition, other) - base).abs().max() > 1e-5


def test_stable_zero123_hears_the_conditions_elevation_and_no_distance(folder: Path, condition: Condition) -> None:
    stable = load_prior(PriorSpec(str(folder), kind="stable-zero123"), CPU)
    when = torch.tensor([500, 500])
    base = stable.predict_noise(noisy(), when, condition, camera(0, 30, 0))
    torch.testing.assert_close(stable.predict_noise(noisy(), when, condition, camera(0, 30, 0.5)), base)
    higher = Condition(condition.elevation + 30, condition.distance, condition.features)
    assert (stable.predict_noise(noisy(), when, higher, camera(0, 30, 0)) - base).abs().max() > 1e-5


def test_gradients_reach_the_pictures(prior: Zero123Prior, pictures: torch.Tensor) -> None:
    picture = pictures[:1].clone().requires_grad_()
    prior.encode(picture).square().sum().backward()
    assert picture.grad is not None
    # against a finite difference, along the gradient itself
    step = 0.2 * picture.grad / picture.grad.norm()
    with torch.no_grad():
        there, back = (prior.encode(picture + sign * step).square().sum() for sign in (1, -1))
    assert (there - back).item() / 2 == pytest.approx((picture.grad * step).sum().item(), rel=0.02)


def test_a_condition_is_taken_frame_by_frame(prior: Zero123Prior, condition: Condition) -> None:
    when, side = torch.tensor([500, 500]), camera(0, 30, 0)
    both = prior.predict_noise(noisy(), when, condition, side)
    swapped = prior.predict_noise(noisy().flip(0), when, condition.take(torch.tensor([1, 0])), side)
    torch.testing.assert_close(swapped.flip(0), both, atol=1e-5, rtol=1e-4)


def test_half_precision_and_slicing_change_next_to_nothing(folder: Path, prior: Zero123Prior, pictures: torch.Tensor, condition: Condition) -> None:
    thrifty = load_prior(PriorSpec(str(folder), options=PriorOptions("bfloat16", attention_slicing=True)), CPU)
    when, side = torch.tensor([500, 500]), camera(0, 30, 0)
    own = thrifty.condition(pictures, condition.elevation, condition.distance)
    found, expected = thrifty.predict_noise(noisy(), when, own, side), prior.predict_noise(noisy(), when, condition, side)
    assert found.dtype == torch.float32
    assert (found - expected).abs().mean() < 0.02 * expected.abs().mean() + 0.01
    assert not torch.equal(found, expected)


def test_many_pictures_are_looked_at_in_turns_with_the_same_result(
    folder: Path, prior: Zero123Prior, pictures: torch.Tensor, condition: Condition, monkeypatch: pytest.MonkeyPatch
) -> None:
    thrifty = load_prior(PriorSpec(str(folder), options=PriorOptions(batch=1)), CPU)
    assert isinstance(thrifty, Zero123Prior)
    encoded: list[int] = []
    encode = thrifty.vae.encode
    monkeypatch.setattr(thrifty.vae, "encode", lambda some: encoded.append(len(some)) or encode(some))
    gradients = []
    for one in (prior, thrifty):
        own = pictures.clone().requires_grad_()
        latent = one.encode(own)
        latent.square().sum().backward()
        gradients.append(own.grad)
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-3)
    assert encoded == [1] * 4  # twice: again for the gradient, of one picture at a time
    when, side = torch.tensor([300, 600]), camera(5, 30, 0.1)
    given = thrifty.condition(pictures, condition.elevation, condition.distance)
    found, expected = (one.predict_noise(noisy(), when, given, side) for one in (thrifty, prior))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_pictures_of_another_size_are_refused(prior: Zero123Prior) -> None:
    with pytest.raises(ValueError, match="256"):
        prior.encode(torch.zeros(1, 3, 64, 64))


def test_schedule_is_stable_diffusions(prior: Zero123Prior) -> None:
    torch.testing.assert_close(prior.schedule.abar, scaled_linear().abar)
