"""What a prior that has only ever seen objects in the middle asks of a body that has moved in depth, which the video hardly shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from analytic_priors import MixturePrior
from torch import Tensor

from align4d.alignment.guidance import GuidanceSettings
from align4d.alignment.motion_geometry import MotionGeometryLoss, MotionGeometrySettings
from align4d.alignment.novel_views import NovelDistances, NovelViews
from align4d.alignment.video_conditions import FramedVideo, frame_video, middles
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.priors.prior import Condition, RelativeCamera
from align4d.rendering import Cameras, Gaussians, rasterize

FOVY, SIZE, COUNT = 49.13, 32, 300
CAMERA = Orbit(0.0, 10.0, 1.85, fovy=FOVY)
SIDES = torch.tensor([70.0, 120.0, -100.0])


def figure() -> Gaussians:
    generator = torch.Generator().manual_seed(0)
    means = (torch.rand(COUNT, 3, generator=generator) - 0.5) * torch.tensor([0.4, 0.3, 0.9])
    upright = torch.tensor([1.0, 0, 0, 0]).repeat(COUNT, 1)
    return Gaussians(means, upright, torch.full((COUNT, 3), 0.04), torch.full((COUNT,), 0.9), torch.rand(COUNT, 3, generator=generator))


def along_the_ray(body: Gaussians, share: Tensor) -> Gaussians:
    """Farther from the video's camera by `share` and larger by as much: that camera sees the same."""
    eye = torch.from_numpy(CAMERA.position()).float()
    return replace(body, means=eye + (1 + share) * (body.means - eye), scales=body.scales * (1 + share))


def seen_by(body: Gaussians, views: NovelViews) -> Tensor:
    return rasterize(body, views.cameras(FOVY, SIZE), (SIZE, SIZE), backend="cpu").color


def knows(body: Gaussians) -> MixturePrior:
    """Knows the body in its pose from every side, with its middle on the optical axis, as training shows objects."""

    def belief(condition: Condition, camera: RelativeCamera) -> Tensor:
        # the condition's azimuth is no part of what it is told: here the body faces the video's camera
        distance = condition.distance + camera.distance
        return seen_by(body, NovelViews(camera.azimuth, condition.elevation + camera.elevation, distance, middles(body)))[None]

    return MixturePrior(belief, SIZE)


def asked_depth(prior: MixturePrior, body: Gaussians, video: FramedVideo) -> float:
    """What a step against eq. 7's gradient does to the body's depth: above 0, it goes farther from the video's camera."""
    loss = MotionGeometryLoss(prior, video, NovelDistances(), MotionGeometrySettings(geometry=0.0, guidance=GuidanceSettings(scale=1.0)))
    count, seen = len(SIDES), video.condition
    views = NovelViews(video.azimuth + SIDES, seen.elevation.expand(count), seen.distance.expand(count), video.middle[0])
    share = torch.zeros((), requires_grad=True)
    pictures = seen_by(along_the_ray(body, share), views)
    loss(pictures, None, torch.tensor([0]), views, 0.4, torch.Generator().manual_seed(0)).loss.backward()
    assert share.grad is not None
    return -float(share.grad)


@pytest.mark.parametrize("away", [0.15, -0.15])
def test_a_body_that_has_moved_in_depth_is_not_asked_to_come_back(away: float) -> None:
    """At its true pose eq. 7 asks for nothing, where the prior is shown it in the middle; about where it was at rest, for the way back."""
    rest = figure()
    forward = -torch.from_numpy(CAMERA.position()).float() / CAMERA.distance
    body, intrinsics = replace(rest, means=rest.means + away * forward), intrinsics_for(FOVY, 96, 96)
    video = Cameras(torch.from_numpy(CAMERA.world_to_camera()).float()[None], torch.from_numpy(intrinsics).float()[None])
    frame, prior = rasterize(body, video, (96, 96), backend="cpu"), knows(body)
    asked = {}
    for name, middle in (("rest", middles(rest)), ("moved", middles(body))):
        asked[name] = asked_depth(prior, body, frame_video(prior, frame.color, frame.alpha, intrinsics, CAMERA, middle[None]))
    assert asked["rest"] * away < 0
    assert abs(asked["moved"]) < 0.05 * abs(asked["rest"])
