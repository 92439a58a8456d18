"""Novel cameras around the video's, and the video as a condition of the prior."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from analytic_priors import MixturePrior, believed

from align4d.alignment.novel_views import NovelViews, NovelViewSettings, draw_views, fit_to_prior, orbit_matrices
from align4d.alignment.video_conditions import condition_camera, condition_pictures, frame_video, middles
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.rendering import Cameras, Gaussians, rasterize

SIZE = 8


def drawn(frames: int, elevation: float, views: int = 1, count: int = 4) -> NovelViews:
    """Of frames at 30 degrees of azimuth, from 1.7 away."""
    facts, generator = dataclasses.replace(MixturePrior(believed).facts, views=views), torch.Generator().manual_seed(0)
    where = torch.full((frames,), 30.0), torch.full((frames,), elevation), torch.full((frames,), 1.7), torch.zeros(frames, 3)
    return draw_views(*where, facts, NovelViewSettings(count=count), generator)


def test_views_are_drawn_around_the_video_s_camera() -> None:
    """By up to 30 degrees higher or lower, and from 30 below to 30 above the object wherever the video's camera stands; never from the poles."""
    views = drawn(500, 0.0)
    assert views.count == 2000 and (views.distance == 1.7).all()
    turns = views.azimuth - 30
    assert -180 <= turns.min() < -175 and 175 < turns.max() < 180 and abs(float(turns.mean())) < 10
    for elevation, low, high in ((0.0, -30, 30), (10.0, -30, 40), (-20.0, -50, 30), (70.0, -30, 80)):
        height = drawn(500, elevation).elevation
        assert low <= height.min() < low + 1 and high - 1 < height.max() <= high, elevation


def test_a_prior_of_several_views_gets_them_evenly_around() -> None:
    views = drawn(3, 10.0, views=4, count=1)
    turns = views.azimuth.reshape(3, 4)
    torch.testing.assert_close(turns.diff(dim=1), torch.full((3, 3), 90.0))
    assert (views.elevation.reshape(3, 4).diff(dim=1) == 0).all() and len(views.elevation.unique()) == 3


def test_novel_cameras_are_orbit_cameras() -> None:
    views = NovelViews(torch.tensor([0.0, 130.0, -75.0]), torch.tensor([0.0, 40.0, -20.0]), torch.tensor([1.5, 2.0, 3.0]), torch.zeros(3))
    found = views.cameras(49.13, 64)
    for index in range(3):
        true = Orbit(*(float(one[index]) for one in (views.azimuth, views.elevation, views.distance)))
        np.testing.assert_allclose(found.viewmats[index], true.world_to_camera(), atol=1e-6)
        np.testing.assert_allclose(found.Ks[index], intrinsics_for(49.13, 64, 64), rtol=1e-6)
    aside = torch.tensor([0.2, -0.1, 0.3])
    moved = orbit_matrices(views.azimuth, views.elevation, views.distance, aside)
    seen = torch.einsum("bij,j->bi", moved, torch.cat([aside, torch.ones(1)]))
    torch.testing.assert_close(seen[:, :3], torch.stack([torch.zeros(3), torch.zeros(3), views.distance], 1), rtol=0, atol=1e-6)


def cloud(count: int = 300) -> Gaussians:
    generator = torch.Generator().manual_seed(2)
    means = (torch.rand(count, 3, generator=generator) - 0.5) * torch.tensor([0.9, 0.5, 0.7])
    turns = torch.tensor([1.0, 0, 0, 0]).repeat(count, 1)
    return Gaussians(means, turns, torch.full((count, 3), 0.03), torch.full((count,), 0.9), torch.rand(count, 3, generator=generator))


@pytest.mark.parametrize(
    ("camera", "fovy"),
    [
        (Orbit(25.0, 15.0, 1.9), 49.13),
        (Orbit(25.0, 15.0, 1.9, roll=8.0, yaw=5.0, pitch=-4.0), 49.13),
        (Orbit(-60.0, -10.0, 3.4, roll=-5.0, yaw=2.0, pitch=3.0), 30.0),
        (Orbit(10.0, 0.0, 4.5), 40.0),  # smaller than the prior was ever shown anything: cropped
    ],
)
def test_the_condition_is_the_object_seen_straight(camera: Orbit, fovy: float) -> None:
    """A video frame, warped, is the render of a camera at the same place that looks at the center."""
    facts = dataclasses.replace(MixturePrior(believed, 32).facts, background=0.5)
    intrinsics = np.diag([3.0, 3.0, 1]) @ intrinsics_for(fovy, 100, 80)
    pose = torch.from_numpy(camera.world_to_camera()).float()[None]
    frame = rasterize(cloud(), Cameras(pose, torch.from_numpy(intrinsics).float()[None]), (240, 300), backend="cpu")
    wanted = condition_camera(camera.moved(fovy=fovy), facts)
    found = condition_pictures(frame.color, frame.alpha, intrinsics, [wanted], facts)
    straight = torch.from_numpy(camera.moved(roll=0.0, yaw=0.0, pitch=0.0).world_to_camera()).float()[None]
    fine = torch.from_numpy(intrinsics_for(wanted.fovy, 256, 256)).float()[None]
    true = fit_to_prior(rasterize(cloud(), Cameras(straight, fine), (256, 256), torch.full((3,), 0.5), backend="cpu").color, 32)
    assert found.shape == (1, 3, 32, 32)
    assert float((found - true).abs().mean()) < 0.012 < float((found - 0.5).abs().mean())
    assert facts.distances[0] <= wanted.distance <= facts.distances[1]


def test_the_told_distance_is_by_apparent_size() -> None:
    facts = MixturePrior(believed).facts
    same = condition_camera(Orbit(distance=1.9, fovy=facts.fovy), facts)
    assert (same.distance, same.fovy) == pytest.approx((1.9, facts.fovy))
    narrow = condition_camera(Orbit(distance=4.0, fovy=25.0), facts)
    assert narrow.fovy == pytest.approx(25.0) and narrow.distance == pytest.approx(4 * 0.22169 / 0.45712, rel=1e-3)
    far = condition_camera(Orbit(distance=4.0, fovy=facts.fovy), facts)
    assert far.distance == 2.2 and far.fovy < facts.fovy


def test_the_video_s_condition_says_where_it_was_taken() -> None:
    prior = MixturePrior(believed, SIZE)
    frames = torch.ones(2, 3, 16, 16), torch.zeros(2, 1, 16, 16), intrinsics_for(49.13, 16, 16)
    found = frame_video(prior, *frames, Orbit(20.0, 12.0, 1.8, fovy=prior.facts.fovy), torch.zeros(2, 3))
    condition = found.condition
    assert condition.elevation.tolist() == pytest.approx([12.0, 12.0]) and condition.distance.tolist() == pytest.approx([1.8, 1.8])
    assert found.azimuth.tolist() == pytest.approx([20.0, 20.0])
    assert condition.features[0].shape == (2, 3, SIZE, SIZE) and (condition.features[0] == 1).all()


def test_an_object_that_moves_stays_in_the_middle_of_the_prior_s_pictures() -> None:
    """Each frame is what a camera at the video's place sees that looks at where the object is; azimuth, elevation, distance follow."""
    camera, away = Orbit(25.0, 15.0, 1.9, fovy=49.13), torch.tensor([[0.0, 0.0, 0.0], [0.2, 0.1, -0.1]])
    intrinsics, pose = intrinsics_for(49.13, 200, 200), torch.from_numpy(camera.world_to_camera()).float()[None]
    prior = MixturePrior(believed, 32)
    moved = [dataclasses.replace(cloud(), means=cloud().means + one) for one in away]
    frames = [rasterize(one, Cameras(pose, torch.from_numpy(intrinsics).float()[None]), (200, 200), backend="cpu") for one in moved]
    middle = torch.stack([middles(one) for one in moved])
    color, alpha = (torch.cat([getattr(one, name) for one in frames]) for name in ("color", "alpha"))
    seen = frame_video(prior, color, alpha, intrinsics, camera, middle)
    for index, one in enumerate(moved):
        around = camera.around(middle[index].tolist())
        assert float(seen.azimuth[index]) == pytest.approx(around.azimuth, abs=1e-3)
        assert float(seen.condition.elevation[index]) == pytest.approx(around.elevation, abs=1e-3)
        assert float(seen.condition.distance[index]) == pytest.approx(around.distance, abs=1e-3)
        views = NovelViews(seen.azimuth[[index]], seen.condition.elevation[[index]], seen.condition.distance[[index]], middle[index])
        straight = fit_to_prior(rasterize(one, views.cameras(49.13, 256), (256, 256), backend="cpu").color, 32)
        assert float((seen.condition.features[0][index] - straight[0]).abs().mean()) < 0.012
    assert float((middle[1] - middle[0] - away[1]).abs().max()) < 1e-6 and abs(float(seen.azimuth[1] - seen.azimuth[0])) > 3


def test_the_middle_is_of_what_is_seen() -> None:
    shown = cloud()
    stray = Gaussians(*(torch.cat([one, one[:1]]) for one in shown.named().values()))
    stray.means[-1], stray.opacities[-1] = torch.tensor([9.0, 9.0, 9.0]), 0.05
    torch.testing.assert_close(middles(stray), (shown.means.amin(0) + shown.means.amax(0)) / 2)
    assert torch.equal(middles(dataclasses.replace(shown, opacities=torch.zeros(300))), torch.zeros(3))
