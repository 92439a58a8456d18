"""Video-aligned distance, eqs. 2-4: the sweep, what it leaves out, and its minimum below the step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from builders import Job
from puppets import Mesh, Studio, asset_of, block
from torch import Tensor

from align4d.alignment.distance import (
    DistanceSettings,
    Renderer,
    border_alpha,
    outermost,
    parabola_minimum,
    pinhole_distance,
    sweep_around,
    video_aligned_distance,
)
from align4d.cameras.orbit import Orbit

SIZE = (64, 64)


def ball() -> Mesh:
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=0.5)
    return np.asarray(sphere.vertices), np.asarray(sphere.faces)


class Seen:
    """The asset at any distance, from one direction, on white."""

    def __init__(self, job: Job, mesh: Mesh) -> None:
        self.asset = asset_of(job, mesh)

    def __call__(self, distances: np.ndarray) -> tuple[Tensor, Tensor]:
        studios = [Studio(Orbit(20.0, 10.0, float(one)), SIZE) for one in distances]
        frames = np.stack([studio.picture(self.asset, self.asset.vertices) for studio in studios]).astype(np.float32) / 255
        color, alpha = torch.from_numpy(frames[..., :3]).permute(0, 3, 1, 2), torch.from_numpy(frames[..., 3])[:, None]
        return color * alpha + 1 - alpha, alpha


def frame_at(render: Renderer, distance: float) -> tuple[Tensor, Tensor]:
    color, alpha = render(np.array([distance]))
    return color[0], alpha[0]


@pytest.mark.parametrize("mesh", [ball(), block((1.0, 0.6, 0.8), (0, 0, 0))], ids=["ball", "box"])
@pytest.mark.parametrize("true", [1.837, 2.412])
def test_a_known_distance_is_found_below_the_step(job: Job, mesh: Mesh, true: float) -> None:
    render = Seen(job, mesh)
    curve = video_aligned_distance(render, *frame_at(render, true), 1.6)
    assert curve.best == pytest.approx(true, rel=0.005)  # the step is 2.5 %
    np.testing.assert_allclose(curve.distance, sweep_around(1.6, 0.5, 2.0, 0.025))
    assert curve.error.shape == curve.distance.shape and not curve.at_end
    nearest = int(np.abs(curve.distance - true).argmin())
    assert abs(int(curve.error.argmin()) - nearest) <= 1


@pytest.mark.parametrize("guess", [0.5, 9.0])
def test_a_guess_that_is_far_off_is_followed(job: Job, guess: float) -> None:
    render = Seen(job, ball())
    curve = video_aligned_distance(render, *frame_at(render, 2.2), guess)
    assert curve.best == pytest.approx(2.2, rel=0.005) and not curve.at_end


def test_a_minimum_at_an_end_says_so(job: Job) -> None:
    """Nothing in the picture: the smaller the asset, the better."""
    render = Seen(job, ball())
    white = torch.ones(3, *SIZE), torch.zeros(1, *SIZE)
    curve = video_aligned_distance(render, *white, 2.0, DistanceSettings(sweeps=1))
    assert curve.at_end and curve.best == curve.distance[-1] == pytest.approx(4.0)


def test_a_minimum_beside_what_touches_the_border_is_at_an_end(job: Job) -> None:
    render = Seen(job, ball())
    color, _ = frame_at(render, 1.3)  # the ball fills more than the picture
    assert video_aligned_distance(render, color, torch.zeros(1, *SIZE), 2.0).at_end


def test_candidates_that_touch_the_border_are_left_out(job: Job) -> None:
    render = Seen(job, ball())
    curve = video_aligned_distance(render, *frame_at(render, 2.0), 2.0)
    _, alpha = render(curve.distance)
    touching = border_alpha(alpha).numpy() > 0.01
    assert touching[0] and not touching[-1]
    np.testing.assert_array_equal(np.isinf(curve.error), touching)
    shown = curve.finite()
    assert len(shown["distance"]) == len(shown["error"]) == (~touching).sum() and np.isfinite(shown["error"]).all()


def test_an_object_that_the_video_itself_cuts_may_touch_the_border(job: Job) -> None:
    render = Seen(job, ball())
    true = 1.3  # the ball fills more than the picture
    curve = video_aligned_distance(render, *frame_at(render, true), 1.5)
    assert np.isfinite(curve.error).all() and curve.best == pytest.approx(true, rel=0.02)


def test_a_sweep_that_is_too_near_throughout_is_an_error(job: Job) -> None:
    render = Seen(job, ball())
    with pytest.raises(ValueError, match="border"):
        video_aligned_distance(render, *frame_at(render, 2.5), 1.0, DistanceSettings(nearest=0.8, farthest=1.2, sweeps=1))


@pytest.mark.parametrize("distance", [0.7, 2.0, 15.0])
@pytest.mark.parametrize("aside", [0.0, 25.0])
def test_the_pinhole_distance_is_exact(distance: float, aside: float) -> None:
    """Near a wide lens, far from a narrow one, and off the picture's middle, where a wide lens stretches."""
    points = ball()[0] * [1.0, 0.6, 0.8]
    camera = Orbit(20.0, 10.0, distance, 5.0, aside, -aside / 2)
    matrix, intrinsics = camera.world_to_camera(), np.array([[300.0, 0, 64], [0, 300, 40], [0, 0, 1]])
    pixels = (points @ matrix[:3, :3].T + matrix[:3, 3]) @ intrinsics.T
    width, height = np.ptp(pixels[:, :2] / pixels[:, 2:], axis=0)
    found = pinhole_distance(points, matrix[:3, :3], matrix[:3, 3] / distance, intrinsics, (float(width), float(height)))
    assert found == pytest.approx(distance, rel=1e-4)


def test_a_sweep_goes_by_apparent_size() -> None:
    near, far = sweep_around(0.6, 0.5, 2.0, 0.025), sweep_around(20.0, 0.5, 2.0, 0.025)
    np.testing.assert_allclose(near / 0.6, far / 20.0)
    np.testing.assert_allclose(near[1:] / near[:-1], 1.025, atol=0.001)


def test_the_parabola_s_vertex() -> None:
    position = np.array([1.0, 1.5, 2.0, 2.5])
    assert parabola_minimum(position, (position - 1.62) ** 2 + 3, 1) == pytest.approx(1.62)
    assert parabola_minimum(position, (position - 0.9) ** 2, 0) == 1.0  # at an end of the sweep
    assert parabola_minimum(position, np.array([np.inf, 1.0, 2.0, 3.0]), 1) == 1.5  # beside a candidate that was left out
    assert parabola_minimum(position, np.ones(4), 1) == 1.5  # no bend


def test_the_outermost_points_are_as_large_in_every_picture() -> None:
    points = np.random.default_rng(0).normal(size=(500, 3)) * [0.2, 0.5, 0.1]
    some = outermost(points)
    assert len(some) < 200
    for azimuth in (0, 70, 200):
        seen = [one @ Orbit(azimuth, 30.0, 2.0).world_to_camera()[:3, :3].T + [0, 0, 2.0] for one in (points, some)]
        whole, fewer = ((one[:, :2] / one[:, 2:]) for one in seen)
        np.testing.assert_allclose([fewer.min(0), fewer.max(0)], [whole.min(0), whole.max(0)])
    flat = points * [1, 1, 0]
    assert len(outermost(flat)) == len(flat)
