"""The pictures that the benchmark of the back view compares."""

from __future__ import annotations

import torch

from align4d.cameras.orbit import Orbit
from align4d.rendering import Gaussians
from benchmarks.quality.back_view import SIZE, picture


def test_a_picture_shows_what_is_nearer_on_white() -> None:
    means, quats = torch.tensor([[0.0, -0.2, 0.0], [0.0, 0.2, 0.0]]), torch.tensor([[1.0, 0, 0, 0]]).expand(2, 4)
    colors = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])
    gaussians = Gaussians(means, quats, torch.full((2, 3), 0.1), torch.full((2,), 0.99), colors)
    front, behind = (picture(gaussians, Orbit(azimuth, 0.0, 2.0).world_to_camera(), 40.0) for azimuth in (0.0, 180.0))
    middle = SIZE // 2
    assert front[middle, middle].argmax() == 0 and behind[middle, middle].argmax() == 2
    assert (front[0, 0] == 255).all() and front.shape == (SIZE, SIZE, 3)
