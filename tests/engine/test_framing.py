"""What the embedded prior asks of a body that has moved in depth, which the video's own view hardly shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from align4d.alignment.motion_geometry import MotionGeometryLoss, MotionGeometrySettings
from align4d.alignment.novel_views import NovelDistances, NovelViews
from align4d.alignment.video_conditions import FramedVideo, frame_video, middles
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.priors.embedded import EmbeddedPrior, load_embedded_prior
from align4d.priors.view_geometry import FOVY
from align4d.rendering import Cameras, Gaussians, rasterize

CAMERA, AWAY, SIDE = Orbit(0.0, 10.0, 1.85, fovy=FOVY), 0.15, 128
SIDES, NOISES = (60.0, 120.0, -90.0), 3


def figure() -> Gaussians:
    """A trunk, a head, two legs and an arm that points forward, in colors of their own; the longest side is 1."""
    generator = torch.Generator().manual_seed(0)
    parts = [  # center, half size, color
        ((0.0, 0.0, 0.05), (0.14, 0.09, 0.2), (0.8, 0.2, 0.2)),
        ((0.0, 0.0, 0.38), (0.1, 0.1, 0.1), (0.9, 0.7, 0.5)),
        ((-0.08, 0.0, -0.33), (0.05, 0.06, 0.17), (0.2, 0.3, 0.7)),
        ((0.08, 0.0, -0.33), (0.05, 0.06, 0.17), (0.2, 0.3, 0.7)),
        ((0.17, -0.15, 0.15), (0.04, 0.16, 0.04), (0.9, 0.7, 0.5)),
    ]
    means, colors = [], []
    for center, half, color in parts:
        means.append(torch.tensor(center) + torch.tensor(half) * (2 * torch.rand(250, 3, generator=generator) - 1))
        colors.append(torch.tensor(color).expand(250, 3))
    count = 250 * len(parts)
    return Gaussians(torch.cat(means), torch.tensor([1.0, 0, 0, 0]).repeat(count, 1), torch.full((count, 3), 0.02), torch.ones(count), torch.cat(colors))


def along_the_ray(body: Gaussians, share: Tensor) -> Gaussians:
    """Farther from the video's camera by `share` and larger by as much: that camera sees the same."""
    eye = torch.from_numpy(CAMERA.position()).float()
    return replace(body, means=eye + (1 + share) * (body.means - eye), scales=body.scales * (1 + share))


def asked_depth(prior: EmbeddedPrior, body: Gaussians, seen: FramedVideo) -> float:
    """What a step against the gradient of eq. 7 does to the share by which `body` is too near: above 0, it goes farther away."""
    loss = MotionGeometryLoss(prior, seen, NovelDistances(), MotionGeometrySettings(geometry=0.0))
    count = len(SIDES)
    where = (one.expand(count) for one in (seen.condition.elevation, seen.condition.distance))
    elevation, distance = where
    views = NovelViews(seen.azimuth + torch.tensor(SIDES), elevation, distance, seen.middle[0])
    share = torch.zeros((), requires_grad=True)
    shown = along_the_ray(body, share)
    pictures = rasterize(shown, views.cameras(FOVY, SIDE), (SIDE, SIDE), backend="cpu").color
    generator, total = torch.Generator().manual_seed(0), torch.zeros(())
    for _ in range(NOISES):
        total = total + loss(pictures, None, torch.tensor([0]), views, 0.4, generator).loss / NOISES
    total.backward()
    assert share.grad is not None
    return -float(share.grad)


def test_a_body_that_has_gone_away_is_not_asked_to_come_back() -> None:
    """At the true pose the prior should ask for no depth. About where the body was at rest it asks for the way back, which framing takes away."""
    prior, rest = load_embedded_prior("cpu"), figure()
    forward = -torch.from_numpy(CAMERA.position()).float() / CAMERA.distance
    asked = {}
    for away in (AWAY, -AWAY):
        body = replace(rest, means=rest.means + away * forward)
        pose = torch.from_numpy(CAMERA.world_to_camera()).float()[None]
        intrinsics = intrinsics_for(FOVY, SIDE, SIDE)
        picture = rasterize(body, Cameras(pose, torch.from_numpy(intrinsics).float()[None]), (SIDE, SIDE), backend="cpu")
        for name, middle in (("rest", middles(rest)), ("framed", middles(body))):
            seen = frame_video(prior, picture.color, picture.alpha, intrinsics, CAMERA, middle[None])
            asked[away, name] = asked_depth(prior, body, seen)
    assert asked[AWAY, "rest"] < 0 < asked[-AWAY, "rest"], asked
    bias = {name: abs(asked[AWAY, name] - asked[-AWAY, name]) for name in ("rest", "framed")}
    assert bias["framed"] == pytest.approx(0, abs=0.35 * bias["rest"]), asked
