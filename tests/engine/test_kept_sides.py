"""Gaussians that may learn all that they are look like the asset from the sides that no video shows."""

from __future__ import annotations

import pytest
import torch

from align4d.alignment.kept_sides import BESIDE, TILT, KeptSides
from align4d.alignment.scene import Scene
from align4d.cameras.orbit import Orbit
from align4d.gaussians.learned import LearnedGaussians
from align4d.rendering import Gaussians

SIZE = 24
CAMERA = Orbit(azimuth=20, elevation=10, distance=2)


def shells() -> Gaussians:
    """A plate that faces the video's camera, and one behind it that this camera does not see."""
    toward = torch.from_numpy(CAMERA.position()).float() / CAMERA.distance
    means = torch.stack([0.2 * toward, -0.2 * toward])
    return Gaussians(means, torch.tensor([[1.0, 0, 0, 0]] * 2), torch.full((2, 3), 0.15), torch.full((2,), 0.99), torch.full((2, 3), 0.4))


def sides() -> KeptSides:
    return KeptSides(Scene(shells(), None, None, CAMERA, "cpu", 0.3), SIZE)  # type: ignore[arg-type]  # it looks at no video


def test_the_asset_as_it_is_costs_nothing() -> None:
    loss = sides().loss(LearnedGaussians(shells(), free=True), torch.Generator().manual_seed(0))
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["color", "logit", "log_scale", "center"])
def test_what_the_video_does_not_show_is_pulled_back(name: str) -> None:
    gaussians = LearnedGaussians(shells(), free=True)
    with torch.no_grad():
        gaussians.attributes[name][1] += 0.1
    sides().loss(gaussians, torch.Generator().manual_seed(0)).backward()
    gradient = gaussians.attributes[name].grad
    assert gradient is not None and float((gradient[1] * torch.ones_like(gradient[1])).sum()) > 0


def test_no_view_stands_near_the_videos_camera() -> None:
    generator, kept = torch.Generator().manual_seed(0), sides()
    for _ in range(50):
        for matrix in kept._cameras(generator).viewmats.double():
            place = -matrix[:3, :3].T @ matrix[:3, 3]
            azimuth = torch.rad2deg(torch.atan2(place[0], -place[1])) - CAMERA.azimuth
            elevation = torch.rad2deg(torch.asin(place[2] / place.norm())) - CAMERA.elevation
            assert abs((float(azimuth) + 180) % 360 - 180) >= BESIDE - 0.01 and abs(float(elevation)) <= TILT + 0.01
