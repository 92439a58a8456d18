"""Motion-geometry joint alignment, eqs. 7-9, and what it stands on: distillation, novel cameras, the video as a condition."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from analytic_priors import MixturePrior, believed
from torch import Tensor

from align4d.alignment.guidance import GuidanceSettings, Told, distillation_gradient, distillation_loss
from align4d.alignment.motion_geometry import MotionGeometryLoss, MotionGeometrySettings, UnknownViews
from align4d.alignment.novel_views import NovelDistances, NovelViewSettings, fit_to_prior
from align4d.alignment.video_conditions import FramedVideo, frame_video
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.priors.prior import Condition, RelativeCamera

SIZE = 8


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def pull(prior: MixturePrior, latent: Tensor, noise: Tensor, timestep: int, settings: GuidanceSettings) -> tuple[Tensor, Condition]:
    condition = prior.condition(random(len(latent), 3, SIZE, SIZE, seed=9), torch.zeros(len(latent)), torch.ones(len(latent)))
    return distillation_gradient(prior, latent, noise, timestep, Told(condition, RelativeCamera.same(len(latent))), settings), condition


@pytest.mark.parametrize("timestep", [200, 600, 900])
@pytest.mark.parametrize("sigma", [0.0, 0.4])
def test_the_gradient_is_the_closed_form(timestep: int, sigma: float) -> None:
    """For one Gaussian E[noise | z_t] is linear in z_t; guidance of scale s moves its mean past the condition's."""
    prior, latent = MixturePrior(believed, SIZE, sigma), random(3, 3, SIZE, SIZE)
    noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(1))
    abar = prior.schedule.abar[timestep]
    spread = abar * sigma**2 + 1 - abar
    for scale in (1.0, 5.0):
        found, condition = pull(prior, latent, noise, timestep, GuidanceSettings(scale=scale))
        mean = 0.5 + scale * (condition.features[0] - 0.5)
        noisy = abar.sqrt() * latent + (1 - abar).sqrt() * noise
        predicted = (1 - abar).sqrt() * (noisy - abar.sqrt() * mean) / spread
        torch.testing.assert_close(found, (1 - abar) * (predicted - noise), rtol=1e-3, atol=1e-4)
        clean, _ = pull(prior, latent, noise, timestep, GuidanceSettings(scale=scale, target="x0"))
        torch.testing.assert_close(clean, latent - (noisy - (1 - abar).sqrt() * predicted) / abar.sqrt(), rtol=1e-3, atol=1e-3)
    if sigma == 0:  # a prior that is sure pulls straight to its picture
        torch.testing.assert_close(clean, latent - mean, rtol=1e-3, atol=1e-3)


def test_distillation_follows_the_nearer_mode_of_a_mixture() -> None:
    """Descending the gradient at little noise ends at the picture, of the two believed in, that was nearer."""
    modes = torch.stack([torch.full((3, SIZE, SIZE), 0.2), torch.full((3, SIZE, SIZE), 0.8)])
    prior = MixturePrior(lambda condition, camera: modes[:, None].expand(2, camera.count, 3, SIZE, SIZE), SIZE, 0.05)
    pictures = torch.stack([torch.full((3, SIZE, SIZE), 0.35), torch.full((3, SIZE, SIZE), 0.65)]) + 0.05 * random(2, 3, SIZE, SIZE)
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        noise = torch.randn(pictures.shape, generator=generator)
        pictures = pictures - 0.1 * pull(prior, pictures, noise, 300, GuidanceSettings(scale=1.0, target="x0"))[0]
    assert pictures.flatten(1).mean(1).tolist() == pytest.approx([0.2, 0.8], abs=0.03)


def test_batches_change_nothing() -> None:
    prior, latent = MixturePrior(believed, SIZE, 0.3), random(7, 3, SIZE, SIZE)
    noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(1))
    whole, parts = (pull(prior, latent, noise, 500, GuidanceSettings(batch=batch))[0] for batch in (32, 3))
    torch.testing.assert_close(parts, whole)
    assert max(len(noisy) for noisy, *_ in prior.asked[2:]) == 3
    joint = MixturePrior(believed, SIZE, views=4)
    pull(joint, random(8, 3, SIZE, SIZE), torch.zeros(8, 3, SIZE, SIZE), 500, GuidanceSettings(batch=6))
    assert all(len(noisy) == 4 for noisy, *_ in joint.asked)  # views of one frame stay together


def test_the_loss_has_the_gradient_and_its_size() -> None:
    latent, gradient = random(2, 3, SIZE, SIZE).requires_grad_(), random(2, 3, SIZE, SIZE, seed=1)
    loss = distillation_loss(latent, gradient)
    torch.testing.assert_close(loss.detach(), 0.5 * (gradient**2).flatten(1).sum(1))
    loss.sum().backward()
    torch.testing.assert_close(latent.grad, gradient)


def test_time_falls_from_first_to_last() -> None:
    prior = MixturePrior(believed, SIZE, timesteps=(900, 500), guidance=2.0)
    settings = GuidanceSettings().of(prior.facts)
    assert [settings.timestep(done) for done in (0.0, 0.5, 1.0)] == [900, 700, 500] and settings.scale == 2
    settings = GuidanceSettings(scale=5, first_timestep=980, last_timestep=20).of(prior.facts)
    assert [settings.timestep(done) for done in (0.0, 0.5, 1.0)] == [980, 500, 20] and settings.scale == 5
    with pytest.raises(ValueError, match="neither"):
        GuidanceSettings(target="sample")  # type: ignore[arg-type]


def frames_condition(prior: MixturePrior, frames: int = 4) -> Condition:
    return prior.condition(random(frames, 3, SIZE, SIZE, seed=5), torch.full((frames,), 10.0), torch.full((frames,), 2.0))


def video_of(prior: MixturePrior, frames: int = 4) -> FramedVideo:
    """Seen from an azimuth of 30 degrees in the first frame, 31 in the second, ...; the object's middle moves along x by 0.1 a frame."""
    middle = torch.zeros(frames, 3)
    middle[:, 0] = 0.1 * torch.arange(frames)
    return FramedVideo(frames_condition(prior, frames), 30.0 + torch.arange(frames), middle)


def loss_of(prior: MixturePrior, settings: MotionGeometrySettings, distances: NovelDistances | None = None) -> MotionGeometryLoss:
    return MotionGeometryLoss(prior, video_of(prior), distances or NovelDistances(0.85), settings)


def test_what_the_two_terms_tell_the_prior() -> None:
    prior = MixturePrior(believed, SIZE)
    settings = MotionGeometrySettings(geometry_timesteps=(0, 0), views=NovelViewSettings(count=2), guidance=GuidanceSettings(scale=1.0))
    loss, generator = loss_of(prior, settings, NovelDistances(0.85, 0.1, 0.05)), torch.Generator().manual_seed(0)
    frames = torch.tensor([3, 1])
    views = loss.draw(frames, generator)
    asset = random(4, 3, SIZE, SIZE, seed=8)
    loss(random(4, 3, SIZE, SIZE), asset, frames, views, 0.25, generator)
    (noisy, when, video, camera), (again, _, own, same) = prior.asked
    assert torch.equal(noisy, again) and when.tolist() == [740] * 4  # one noisy picture, two questions
    torch.testing.assert_close(video.features[0], frames_condition(prior).features[0][[3, 3, 1, 1]])
    torch.testing.assert_close(camera.azimuth, views.azimuth - torch.tensor([33.0, 33.0, 31.0, 31.0]))
    torch.testing.assert_close(views.target[:, 0], torch.tensor([0.3, 0.3, 0.1, 0.1]))  # the object is in the middle of their pictures
    torch.testing.assert_close(camera.elevation, views.elevation - 10)
    assert camera.distance.tolist() == pytest.approx([0.25] * 4)
    assert torch.equal(own.features[0], asset) and torch.equal(own.elevation, views.elevation) and own.distance.tolist() == pytest.approx([1.7] * 4)
    assert all((one == 0).all() for one in (same.azimuth, same.elevation, same.distance))


def test_the_geometry_term_has_its_own_timesteps() -> None:
    settings = MotionGeometrySettings(geometry_timesteps=(250, 50), guidance=GuidanceSettings(scale=1.0))
    assert [settings.geometry_timestep(done, 700) for done in (0.0, 0.5, 1.0)] == [250, 150, 50]
    assert MotionGeometrySettings(geometry_timesteps=(0, 0)).geometry_timestep(0.5, 700) == 700
    prior = MixturePrior(believed, SIZE)
    loss, generator = loss_of(prior, settings), torch.Generator().manual_seed(0)
    frames = torch.tensor([0])
    loss(random(4, 3, SIZE, SIZE), random(4, 3, SIZE, SIZE, seed=8), frames, loss.draw(frames, generator), 0.5, generator)
    (_, motion, *_), (_, geometry, *_) = prior.asked
    assert motion.unique().tolist() == [500] and geometry.unique().tolist() == [150]


def terms(settings: MotionGeometrySettings, frame: int) -> tuple[UnknownViews, Tensor]:
    """The loss of frame `frame`, and its gradient."""
    prior = MixturePrior(believed, SIZE)
    loss, generator = loss_of(prior, settings), torch.Generator().manual_seed(0)
    pictures = random(4, 3, SIZE, SIZE).requires_grad_()
    found = loss(pictures, random(4, 3, SIZE, SIZE, seed=8), torch.tensor([frame]), loss.draw(torch.tensor([0]), generator), 0.4, generator)
    found.loss.backward()
    assert pictures.grad is not None
    return dataclasses.replace(found, loss=found.loss.detach()), pictures.grad


@pytest.mark.parametrize("frame", [0, 2, 3])
def test_the_geometry_term_fades_over_the_clip(frame: int) -> None:
    """Eq. 9 with lambda(frame) = lambda (1 - frame / T), and the pull towards (video + lambda asset), in closed form."""
    settings = MotionGeometrySettings(geometry=0.5, geometry_timesteps=(0, 0), weight=3.0, guidance=GuidanceSettings(scale=1.0))
    found, gradient = terms(settings, frame)
    fade = 0.5 * (1 - frame / 4)
    assert float(found.loss) == pytest.approx(3 * (float(found.motion) + fade * float(found.geometry)), rel=1e-5)
    timestep = settings.guidance.of(MixturePrior(believed).facts).timestep(0.4)
    abar = MixturePrior(believed).schedule.abar[timestep]
    strength = (1 - abar) * (abar / (1 - abar)).sqrt()
    pictures, video, asset = random(4, 3, SIZE, SIZE), random(4, 3, SIZE, SIZE, seed=5)[frame], random(4, 3, SIZE, SIZE, seed=8)
    wanted = 3 / 4 * strength * (pictures - video + fade * (pictures - asset))
    torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-4)


def test_the_weight_falls_over_the_run_where_asked() -> None:
    """At 0.4 of the run three fifths of it are left, and of its square 0.36."""
    settings = MotionGeometrySettings(weight=3.0, guidance=GuidanceSettings(scale=1.0))
    (steady, gradient), (fallen, less) = terms(settings, 0), terms(dataclasses.replace(settings, falls=2.0), 0)
    assert float(fallen.loss) == pytest.approx(0.36 * float(steady.loss)) and fallen.motion == steady.motion
    torch.testing.assert_close(less, 0.36 * gradient)
    assert dataclasses.replace(settings, falls=1.0).weight_at(0.4) == pytest.approx(1.8) and settings.weight_at(0.4) == 3


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_against_the_asset_at_rest_only_the_difference_is_left(scale: float) -> None:
    """The gradient of eq. 7 points from the frame to the asset at rest, whatever the render is and whatever noise was drawn.

    Guidance makes it longer, and asks no more of the prior.
    """
    prior = MixturePrior(believed, SIZE)
    settings = MotionGeometrySettings(geometry=0.0, against="rest", guidance=GuidanceSettings(scale=scale))
    at_rest = FramedVideo(
        prior.condition(random(1, 3, SIZE, SIZE, seed=6), torch.tensor([12.0]), torch.tensor([2.0])), torch.tensor([28.0]), torch.zeros(1, 3)
    )
    loss = MotionGeometryLoss(prior, video_of(prior), NovelDistances(), settings, at_rest)
    gradients = []
    for seed in (0, 1):
        generator, pictures = torch.Generator().manual_seed(seed), random(4, 3, SIZE, SIZE, seed=seed).requires_grad_()
        views = loss.draw(torch.tensor([2]), generator)
        loss(pictures, None, torch.tensor([2]), views, 0.4, generator).loss.backward()
        assert pictures.grad is not None
        gradients.append(pictures.grad)
        assert len(prior.asked) == 2 * len(gradients)
        (*_, camera), _ = prior.asked[-2:]
        torch.testing.assert_close(camera.azimuth, views.azimuth - 28)
        torch.testing.assert_close(camera.elevation, views.elevation - 12)
    abar = prior.schedule.abar[settings.guidance.of(prior.facts).timestep(0.4)]
    strength = (1 - abar) * (abar / (1 - abar)).sqrt()
    frame, rest = random(4, 3, SIZE, SIZE, seed=5)[2], random(1, 3, SIZE, SIZE, seed=6)[0]
    for gradient in gradients:
        torch.testing.assert_close(gradient, (scale * strength / 4 * (rest - frame)).expand(4, -1, -1, -1), rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="at rest"):
        loss_of(prior, settings)


def test_what_goes_through_the_prior_together_changes_nothing() -> None:
    """And the renders' gradient comes from all batches."""
    gradients = []
    for batch in (32, 3):
        prior = MixturePrior(believed, SIZE, 0.3)
        loss = loss_of(prior, MotionGeometrySettings(guidance=GuidanceSettings(batch=batch)))
        generator, pictures = torch.Generator().manual_seed(0), random(8, 3, 16, 16).requires_grad_()
        found = loss(pictures, random(8, 3, SIZE, SIZE, seed=8), torch.tensor([0, 2]), loss.draw(torch.tensor([0, 2]), generator), 0.4, generator)
        found.loss.backward()
        assert pictures.grad is not None and max(len(noisy) for noisy, *_ in prior.asked) == min(batch, 8)
        gradients.append(torch.cat([pictures.grad.flatten(), torch.stack([found.loss.detach(), found.motion, found.geometry])]))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-6)
    assert (gradients[0][:-3].reshape(8, -1).abs().amax(1) > 0).all()


def test_frames_are_digested_in_batches() -> None:
    prior = MixturePrior(believed, SIZE)
    camera, middle = Orbit(20.0, 12.0, 1.8, fovy=prior.facts.fovy), 0.1 * random(5, 3)
    frames = random(5, 3, 16, 16), torch.ones(5, 1, 16, 16), intrinsics_for(49.13, 16, 16)
    whole, parts = (frame_video(prior, *frames, camera, middle, n).condition for n in (9, 2))
    assert torch.equal(whole.features[0], parts.features[0]) and parts.count == 5 and parts.distance.tolist() == whole.distance.tolist()


def test_without_the_geometry_term_it_is_the_baseline() -> None:
    settings = MotionGeometrySettings(geometry=0.0)
    found, _ = terms(settings, 1)
    assert float(found.geometry) == 0 and float(found.loss) == pytest.approx(float(found.motion))
    prior = MixturePrior(believed, SIZE)
    loss, generator = loss_of(prior, settings), torch.Generator().manual_seed(0)
    views = loss.draw(torch.tensor([0]), generator)
    loss(random(4, 3, SIZE, SIZE), None, torch.tensor([0]), views, 0.4, generator)
    assert len(prior.asked) == 2  # with and without condition; the asset is asked about nowhere
    with pytest.raises(ValueError, match="asset"):
        loss_of(prior, MotionGeometrySettings())(random(4, 3, SIZE, SIZE), None, torch.tensor([0]), views, 0.4, generator)


def test_large_renders_reach_the_prior_at_its_own_size() -> None:
    prior = MixturePrior(believed, SIZE)
    loss, generator = loss_of(prior, MotionGeometrySettings()), torch.Generator().manual_seed(0)
    pictures = random(4, 3, 32, 32).requires_grad_()
    loss(pictures, random(4, 3, 32, 32), torch.tensor([0]), loss.draw(torch.tensor([0]), generator), 0.4, generator).loss.backward()
    assert pictures.grad is not None and (pictures.grad != 0).float().mean() > 0.99
    flat = fit_to_prior(torch.full((1, 3, 24, 24), 0.3), SIZE)
    torch.testing.assert_close(flat, torch.full((1, 3, SIZE, SIZE), 0.3))
