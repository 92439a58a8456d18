"""Video-aligned distance, eqs. 2-4: the sweep, what it leaves out, and its minimum below the step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from builders import Job
from puppets import Mesh, Studio, asset_of, block
from torch import Tensor

from align4d.alignment.distance import DistanceSettings, Renderer, border_alpha, parabola_minimum, video_aligned_distance
from align4d.cameras.orbit import Orbit

SIZE = (64, 64)


def ball() -> Mesh:
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
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
    curve = video_aligned_distance(render, *frame_at(render, true))
    assert curve.best == pytest.approx(true, rel=0.005)  # the step is 0.05, 2 to 3 % of it
    np.testing.assert_allclose(curve.distance, np.arange(61) * 0.05 + 1.0)
    assert curve.error.shape == (61,)
    nearest = int(np.abs(curve.distance - true).argmin())
    assert abs(int(curve.error.argmin()) - nearest) <= 1


def test_candidates_that_touch_the_border_are_left_out(job: Job) -> None:
    render = Seen(job, ball())
    curve = video_aligned_distance(render, *frame_at(render, 2.0))
    _, alpha = render(curve.distance)
    touching = border_alpha(alpha).numpy() > 0.01
    assert touching[0] and not touching[-1]
    np.testing.assert_array_equal(np.isinf(curve.error), touching)
    shown = curve.finite()
    assert len(shown["distance"]) == len(shown["error"]) == (~touching).sum() and np.isfinite(shown["error"]).all()


def test_an_object_that_the_video_itself_cuts_may_touch_the_border(job: Job) -> None:
    render = Seen(job, ball())
    true = 1.3  # the ball fills more than the picture
    curve = video_aligned_distance(render, *frame_at(render, true))
    assert np.isfinite(curve.error).all() and curve.best == pytest.approx(true, rel=0.02)


def test_a_sweep_that_is_too_near_throughout_is_an_error(job: Job) -> None:
    render = Seen(job, ball())
    with pytest.raises(ValueError, match="border"):
        video_aligned_distance(render, *frame_at(render, 2.5), DistanceSettings(nearest=0.8, farthest=1.2))


def test_the_parabola_s_vertex() -> None:
    position = np.array([1.0, 1.5, 2.0, 2.5])
    assert parabola_minimum(position, (position - 1.62) ** 2 + 3, 1) == pytest.approx(1.62)
    assert parabola_minimum(position, (position - 0.9) ** 2, 0) == 1.0  # at an end of the sweep
    assert parabola_minimum(position, np.array([np.inf, 1.0, 2.0, 3.0]), 1) == 1.5  # beside a candidate that was left out
    assert parabola_minimum(position, np.ones(4), 1) == 1.5  # no bend
