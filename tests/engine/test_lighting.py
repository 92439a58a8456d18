"""The light of the video: found from one lit picture, and nothing where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from builders import Job
from puppets import Studio, asset_of, block

from align4d.alignment.hidden_side import keep_own_colors
from align4d.alignment.lighting import Lighting, fit_lighting, harmonics, to_linear, to_srgb, unlit
from align4d.alignment.reference import Reference
from align4d.cameras.orbit import Orbit
from align4d.inputs.colors import colors_at
from align4d.protocol import srgb
from align4d.rendering.zbuffer import render_surface

CAMERA = Orbit(25.0, 15.0, 2.0)


def sun() -> Lighting:
    """Ambient light, and a warm lamp at the upper left, in front."""
    light = torch.zeros(13, 3)
    light[0] = torch.tensor([0.55, 0.5, 0.45])
    light[1] = torch.tensor([-0.15, -0.15, -0.12])
    light[2] = torch.tensor([-0.2, -0.18, -0.15])
    light[3] = torch.tensor([0.3, 0.28, 0.25])
    return Lighting(light)


def normals(count: int = 500) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(count, 3, generator=torch.Generator().manual_seed(0)), dim=-1)


def test_the_transfer_function_is_the_protocol_s() -> None:
    values = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(to_linear(torch.from_numpy(values)), srgb.srgb_to_linear(values), atol=1e-12)
    np.testing.assert_allclose(to_srgb(torch.from_numpy(values)), srgb.linear_to_srgb(values), atol=2e-4)  # its darkest values are clamped
    np.testing.assert_allclose(srgb.linear_to_srgb(np.array([-1.0, 2.0])), [0, 1])


def test_srgb_and_back() -> None:
    values = torch.linspace(0.002, 1, 200)
    torch.testing.assert_close(to_srgb(to_linear(values)), values)
    assert float(to_linear(torch.tensor(0.5))) == pytest.approx(0.21404, abs=1e-5)  # IEC 61966-2-1
    below = torch.tensor([-0.5], requires_grad=True)
    to_srgb(below).sum().backward()
    assert torch.isfinite(below.grad).all() if below.grad is not None else False


def test_unlit_shows_the_own_color() -> None:
    color = torch.rand(500, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(unlit().shade(to_linear(color), normals()), color, rtol=0, atol=2e-4)


def test_harmonics_are_orthogonal_over_the_sphere() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=5)
    basis = harmonics(torch.from_numpy(np.array(sphere.vertices))).numpy()
    product = basis.T @ basis / len(basis)
    assert np.abs(product - np.diag(np.diag(product))).max() < 0.01 and np.diag(product).min() > 0.05


class Ball:
    """A ball of many colors, its picture in a light, and how well another light explains the picture."""

    def __init__(self, job: Job, light: Lighting) -> None:
        ball = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
        self.asset = asset_of(job, (np.asarray(ball.vertices), np.asarray(ball.faces)))
        self.reference: Reference = Studio(CAMERA, lighting=light).reference(self.asset, self.asset.vertices[None], 96)
        seen = render_surface(self.asset.vertices, self.asset.triangles, CAMERA.world_to_camera(), self.reference.intrinsics, (96, 96))
        self.covered = (seen.triangle >= 0) & (self.reference.alpha[0, 0].numpy() > 0.99)
        triangle, self.observed = seen.triangle[self.covered], self.pixels()
        self.normals = torch.from_numpy(self.asset.corner_normal[triangle, 0])
        self.albedo = to_linear(torch.from_numpy(colors_at(self.asset, triangle, seen.barycentric[self.covered])))

    def pixels(self) -> torch.Tensor:
        """(M, 3) colors of the covered pixels."""
        return self.reference.color[0].permute(1, 2, 0)[torch.from_numpy(self.covered)].clone()

    def fit(self) -> Lighting:
        return fit_lighting(self.asset, self.reference, CAMERA.world_to_camera())

    def error(self, light: Lighting) -> float:
        """Mean absolute difference in sRGB."""
        return float((light.shade(self.albedo, self.normals) - self.observed).abs().mean())


def test_the_light_of_a_lit_ball_is_found(job: Job) -> None:
    ball = Ball(job, sun())
    found = ball.fit()
    assert ball.error(found) < 0.03 < 0.3 * ball.error(unlit())
    gray = torch.full_like(ball.albedo, 0.3)
    shading, true = found.shade(gray, ball.normals)[:, 0], sun().shade(gray, ball.normals)[:, 0]
    bright, dark = true > true.quantile(0.75), true < true.quantile(0.25)
    assert shading[bright].mean() - shading[dark].mean() > 0.4 * (true[bright].mean() - true[dark].mean())


def test_shadows_and_highlights_do_not_spoil_it(job: Job) -> None:
    ball = Ball(job, sun())
    clean = ball.error(ball.fit())
    ball.reference.color[0, :, 40:55, 30:50] *= 0.3
    ball.reference.color[0, :, 60:64, 60:64] = 1.0
    assert not torch.equal(ball.pixels(), ball.observed)
    assert ball.error(ball.fit()) < clean + 0.02  # measured against the picture without them


def test_an_evenly_lit_scene_is_found_to_be_one(job: Job) -> None:
    ball = Ball(job, unlit())
    assert ball.error(unlit()) < 0.01
    assert ball.error(ball.fit()) < 0.03


def test_where_mesh_and_video_do_not_meet_there_is_no_light_to_find(job: Job) -> None:
    asset = asset_of(job, block((0.8, 0.7, 1.0), (0, 0, 0)))
    reference = Studio(CAMERA, lighting=sun()).reference(asset, asset.vertices[None], 96)
    away = CAMERA.moved(yaw=60.0)
    assert torch.equal(fit_lighting(asset, reference, away.world_to_camera()).coefficients, unlit().coefficients)


def test_the_side_that_the_video_never_shows_keeps_its_colors() -> None:
    facing = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.8, 0.0]])
    own, shaded = torch.full((4, 3), 0.9), torch.full((4, 3), 0.2)
    front = Orbit(0.0, 0.0, 1000.0).world_to_camera()
    kept = keep_own_colors(shaded, own, torch.zeros(4, 3), facing, front)
    torch.testing.assert_close(kept, torch.tensor([0.2, 0.2, 0.9, 0.9])[:, None].expand(4, 3), rtol=0, atol=3e-3)
    behind = keep_own_colors(shaded, own, torch.zeros(4, 3), facing, Orbit(180.0, 0.0, 1000.0).world_to_camera())
    torch.testing.assert_close(behind[:, 0], torch.tensor([0.9, 0.2, 0.2, 0.2]), rtol=0, atol=3e-3)


def test_a_lamp_at_the_front_does_not_darken_the_back(job: Job) -> None:
    ball = Ball(job, sun())
    found = fit_lighting(ball.asset, ball.reference, CAMERA.world_to_camera())
    normals = torch.from_numpy(ball.asset.corner_normal[:, 0])
    places = torch.from_numpy(ball.asset.vertices[ball.asset.triangles].mean(axis=1))
    own = torch.from_numpy(colors_at(ball.asset, np.arange(len(normals)), np.full((len(normals), 3), 1 / 3, np.float32)))
    shaded = found.shade(to_linear(own), normals)
    kept = keep_own_colors(shaded, own, places, normals, CAMERA.world_to_camera())
    eye = torch.from_numpy(np.linalg.inv(CAMERA.world_to_camera())[:3, 3]).float()
    away = (torch.nn.functional.normalize(eye - places, dim=-1) * normals).sum(-1)
    assert (shaded - own)[away < -0.3].abs().mean() > 0.1
    torch.testing.assert_close(kept[away < -0.3], own[away < -0.3], rtol=0, atol=1e-6)
    torch.testing.assert_close(kept[away > 0], shaded[away > 0], rtol=0, atol=1e-6)
