"""The motion prior: what it sees, how its weights are read, and that it tells the depth of a motion that is known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from align4d.cameras.orbit import Orbit
from align4d.errors import EngineError
from align4d.lifting.lift import TrackedSurface, choose_points, lift, viewpoint
from align4d.lifting.network import Lifter, LifterConfig
from align4d.lifting.tokens import FEATURES, Tracks, tokens, visible
from align4d.lifting.weights import WEIGHTS, load_lifter, save_lifter

SMALL = LifterConfig(width=16, depth=1, heads=2, hidden=16)


def ball(points: int) -> Tensor:
    """(N, 3) places on a sphere, evenly (Fibonacci)."""
    height = torch.linspace(-1 + 1 / points, 1 - 1 / points, points)
    turn = math.pi * (3 - math.sqrt(5)) * torch.arange(points)
    around = (1 - height**2).sqrt()
    return torch.stack([around * turn.cos(), around * turn.sin(), height], -1)


def swinging(frames: int = 24, points: int = 256) -> TrackedSurface:
    """A long body with its length along X that turns about the vertical by up to 40 degrees and back."""
    normals = ball(points)
    rest = normals * torch.tensor([0.5, 0.12, 0.15])
    angle = math.radians(40) * torch.sin(torch.linspace(0, math.pi, frames))
    zero, one = torch.zeros(frames), torch.ones(frames)
    rows = [[angle.cos(), -angle.sin(), zero], [angle.sin(), angle.cos(), zero], [zero, zero, one]]
    turn = torch.stack([torch.stack(row, -1) for row in rows], -2)
    return TrackedSurface(rest, normals, rest @ turn.mT, normals @ turn.mT)


def clip(frames: int = 4, points: int = 32) -> Tracks:
    """Random, but possible."""
    generator = torch.Generator().manual_seed(3)
    rest = ball(points)[None] * 0.4
    picture = rest[:, None, :, :2] + 0.05 * torch.randn(1, frames, points, 2, generator=generator)
    return Tracks(
        rest=rest,
        normal=ball(points)[None],
        picture=picture,
        visible=torch.ones(1, frames, points),
        depth=torch.randn(1, frames, points, generator=generator) * 0.05,
        given=torch.ones(1),
        distance=torch.tensor([2.0]),
        elevation=torch.tensor([0.2]),
        time=torch.arange(frames)[None] / 24,
    )


def turned(surface: TrackedSurface, degrees: float) -> TrackedSurface:
    """All of it about the vertical."""
    angle = math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1.0]])
    return TrackedSurface(*(one @ turn.mT for one in vars(surface).values()))


def test_tokens_have_the_width_that_the_network_expects() -> None:
    features, scale = tokens(clip())
    assert features.shape == (1, 4, 32, FEATURES) and scale.shape == (1, 1, 1)


def test_depth_that_is_not_given_is_not_seen() -> None:
    given = clip()
    other = replace(given, depth=given.depth + 1)
    assert not torch.equal(tokens(given)[0], tokens(other)[0])
    unknown = (replace(one, given=torch.zeros_like(one.given)) for one in (given, other))
    assert torch.equal(*(tokens(one)[0] for one in unknown))


def test_the_relative_motion_of_a_clip_does_not_depend_on_how_far_it_goes() -> None:
    """All but `LEAST_MOTION` of the scale is the motion's own."""
    near = clip()
    rest = near.rest[..., :2] * (near.distance / (near.distance + near.rest[..., 2]))[..., None]
    far = replace(near, picture=rest[:, None] + 3 * (near.picture - rest[:, None]))
    small, large = tokens(near)[1] - 0.01, tokens(far)[1] - 0.01
    torch.testing.assert_close(large, 3 * small, rtol=1e-4, atol=1e-6)


def test_asset_and_camera_turned_together_are_the_same_clip() -> None:
    torch.manual_seed(0)
    network, surface = Lifter(SMALL).eval(), swinging(6, 64)
    here = lift(network, surface, viewpoint(Orbit(20, 10, 2.0).world_to_camera()), 24.0, trusted=True)
    there = lift(network, turned(surface, 70), viewpoint(Orbit(90, 10, 2.0).world_to_camera()), 24.0, trusted=True)
    torch.testing.assert_close(here.depth, there.depth, rtol=1e-3, atol=1e-5)
    aside = Orbit(20, 10, 2.0, yaw=5.0, pitch=-3.0, roll=10.0)
    past = lift(network, surface, viewpoint(aside.world_to_camera()), 24.0, trusted=True)
    torch.testing.assert_close(here.depth, past.depth, rtol=1e-3, atol=1e-5)


def test_points_behind_others_are_hidden() -> None:
    places = torch.tensor([[[[0.0, 0.0, -0.3], [0.0, 0.0, 0.3], [0.3, 0.0, 0.3], [0.0, 0.2, -0.3]]]])
    normals = torch.tensor([[[[0.0, 0.0, -1.0], [0.0, 0.0, -1.0], [0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]]])
    assert visible(places, normals, places, normals, torch.tensor([2.0])).tolist() == [[[True, False, True, False]]]


def test_asked_piece_by_piece_it_says_what_it_learned_to_say() -> None:
    network, given = Lifter(SMALL).eval(), clip(5, 30)
    learning = network(given)  # with a graph, in one piece
    with torch.no_grad():
        asked = network(given)
    assert learning.depth.requires_grad and not asked.depth.requires_grad
    for name in ("depth", "spread", "log_share"):
        torch.testing.assert_close(getattr(asked, name), getattr(learning, name).detach())


def test_points_are_told_alike_in_any_group_and_number() -> None:
    """Each point has its own answer, whichever group it came through: a group that is not full repeats some."""
    torch.manual_seed(0)
    network, camera = Lifter(SMALL).eval(), viewpoint(Orbit(0, 0, 2.0).world_to_camera())
    surface = swinging(5, 150)
    found = lift(network, surface, camera, 24.0, trusted=False)
    assert found.depth.shape == (1, 5, 150, 2) and found.log_share.shape == (1, 150, 2)
    torch.testing.assert_close(found.log_share.exp().sum(-1), torch.ones(1, 150))
    half = TrackedSurface(surface.rest[:64], surface.rest_normals[:64], surface.points[:, :64], surface.normals[:, :64])
    twice = TrackedSurface(*(torch.cat([one, one], -2) for one in vars(half).values()))
    once, again = (lift(network, one, camera, 24.0, trusted=False).depth for one in (half, twice))
    torch.testing.assert_close(torch.cat([once, once], 2), again, rtol=1e-3, atol=1e-5)


def test_a_long_clip_goes_through_in_windows() -> None:
    torch.manual_seed(0)
    found = lift(Lifter(SMALL).eval(), swinging(130, 40), viewpoint(Orbit().world_to_camera()), 24.0, trusted=False)
    assert found.depth.shape == (1, 130, 40, 2) and found.depth.isfinite().all()


def test_half_of_the_points_are_chosen_by_triangle() -> None:
    """Of a large triangle with many points and small ones with one each, the small ones get their share."""
    generator = np.random.default_rng(0)
    places = np.concatenate([generator.random((500, 3)), 0.01 * generator.random((40, 3)) + 1])
    triangle = np.concatenate([np.zeros(500, np.int64), np.arange(1, 41)])
    chosen = choose_points(places, triangle, 80, seed=0)
    assert len(set(chosen.tolist())) == len(chosen) <= 80 and (chosen >= 500).sum() >= 38
    assert choose_points(places[:30], triangle[:30], 80, seed=0).tolist() == list(range(30))


def test_the_shipped_prior_tells_the_depth_of_a_swing() -> None:
    """A body that turns about the vertical, seen from its side: its ends come nearer and go away, which one camera hardly shows."""
    surface, camera = swinging(), viewpoint(Orbit(20, 5, 2.0).world_to_camera())
    found = lift(load_lifter("cpu"), surface, camera, 24.0, trusted=False)
    true = camera.see(surface.points)[..., 2] - camera.see(surface.rest)[..., 2]
    error = (found.mean[0] - true).abs().mean() / true.abs().mean()
    assert error < 0.5 and np.corrcoef(found.mean[0].flatten(), true.flatten())[0, 1] > 0.9
    still = replace_points(surface, surface.rest.expand(24, -1, -1), surface.rest_normals.expand(24, -1, -1))
    assert lift(load_lifter("cpu"), still, camera, 24.0, trusted=False).mean.abs().mean() < 0.01


def replace_points(surface: TrackedSurface, points: Tensor, normals: Tensor) -> TrackedSurface:
    return TrackedSurface(surface.rest, surface.rest_normals, points, normals)


def test_weights_come_back_in_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Lifter(SMALL)
    save_lifter(network, tmp_path / "own.safetensors", {"steps": "7"})
    read = load_lifter("cpu", tmp_path / "own.safetensors")
    assert read.config == SMALL
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(read.state_dict()[name], tensor, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("damage", ["missing", "cut", "other", "no config", "not finite"])
def test_broken_weights_are_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "own.safetensors"
    network = Lifter(SMALL)
    if damage == "not finite":
        network.entry.bias.data[0] = torch.nan
    save_lifter(network, path)
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "other":
        path.write_bytes(content.replace(b'\\"depth\\": 1', b'\\"depth\\": 2'))
    elif damage == "no config":
        path.write_bytes(content.replace(b'"config"', b'"cinfog"'))
    with pytest.raises(EngineError) as caught:
        load_lifter("cpu", path)
    assert caught.value.code == "lifter_weights"


def test_the_shipped_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 12_000_000
