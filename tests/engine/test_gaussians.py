"""Gaussians bound to the mesh: their outline and colors are the mesh's own, and so is where they sit."""

from __future__ import annotations

import numpy as np
import torch
from builders import Job
from puppets import Studio, asset_of, bound, pattern, puppet

from align4d.alignment.lighting import to_linear, unlit
from align4d.cameras.orbit import Orbit
from align4d.gaussians.surface_bound import LOW_PASS, BoundGaussians
from align4d.inputs.asset import Asset
from align4d.motion.rotations import matrix_from_quaternion
from align4d.rendering import Gaussians, Rendering, rasterize


def mismatch(asset: Asset, gaussians: BoundGaussians, camera: Orbit) -> tuple[float, float]:
    """Mean absolute difference of color inside, and of area, between the Gaussians and the mesh."""
    reference = Studio(camera).reference(asset, asset.vertices[None], 96)
    shown = Gaussians(
        gaussians.means,
        gaussians.quats,
        gaussians.scales,
        gaussians.opacities,
        unlit().shade(to_linear(gaussians.albedo), gaussians.normals),
    )
    picture: Rendering = rasterize(shown, reference.cameras(camera.world_to_camera()), reference.size, backend="cpu", low_pass=LOW_PASS)
    inside = reference.alpha[0, 0] > 0.99
    color = (picture.color[0] - reference.color[0]).abs().mean(0)[inside].mean()
    area = picture.alpha.sum() / reference.alpha.sum() - 1
    return float(color), float(area)


def test_they_look_like_the_mesh_from_sides_that_they_were_not_fitted_to(job: Job) -> None:
    asset = asset_of(job, puppet())
    rough, fitted = bound(asset, 600, 1), bound(asset, 600, 25)
    for camera in (Orbit(33.0, 17.0, 2.0), Orbit(-130.0, -30.0, 2.3)):
        color, area = mismatch(asset, fitted, camera)
        assert color < 0.05 and abs(area) < 0.03
        assert abs(area) < 0.6 * abs(mismatch(asset, rough, camera)[1])


def test_their_outline_is_the_mesh_s_where_it_fills_the_picture(job: Job) -> None:
    """Videos are looked at in such pictures; an outline that is too thin there would bring the whole body nearer."""
    asset = asset_of(job, puppet())
    gaussians = bound(asset, 2000, 40)
    for camera in (Orbit(33.0, 17.0, 2.0), Orbit(-130.0, -30.0, 2.0)):
        reference = Studio(camera).reference(asset, asset.vertices[None], 80)
        shown = gaussians.colored(gaussians.albedo)
        with torch.no_grad():
            picture = rasterize(shown, reference.cameras(camera.world_to_camera()), reference.size, backend="cpu", low_pass=LOW_PASS)
        inside = reference.alpha[0, 0] > 0.5
        border = sum(int((inside.diff(dim=axis)).sum()) for axis in (0, 1))
        assert abs(float(picture.alpha.sum() - reference.alpha.sum())) / border < 0.1
        assert picture.alpha[0, 0][reference.alpha[0, 0] > 0.999].mean() > 0.985


def test_they_lie_in_the_surface(job: Job) -> None:
    asset = asset_of(job, puppet())
    gaussians = bound(asset, 600, 10)
    assert gaussians.count == 600 and all(torch.isfinite(one).all() for one in vars(gaussians).values())
    upright = matrix_from_quaternion(gaussians.quats)[..., 2]
    assert (upright * gaussians.normals).sum(-1).min() > 0.99  # flat shading: the shading normal is the face's
    assert (gaussians.scales[:, 2] < 0.5 * gaussians.scales[:, :2].amin(1)).float().mean() > 0.95
    low, high = asset.vertices.min(axis=0), asset.vertices.max(axis=0)
    assert (gaussians.means.numpy() > low - 0.01).all() and (gaussians.means.numpy() < high + 0.01).all()


def test_their_colors_are_the_material_s(job: Job) -> None:
    asset = asset_of(job, puppet())
    gaussians = bound(asset, 600, 10)
    world = asset.similarity.invert(gaussians.means.numpy())
    assert np.abs(gaussians.albedo.numpy() - pattern(world)).mean() < 0.04  # the pattern is interpolated, the means lie a little below


def test_the_same_seed_gives_the_same_gaussians(job: Job) -> None:
    asset = asset_of(job, puppet())
    one, two = bound(asset, 400, 5), bound(asset, 400, 5)
    assert all(torch.equal(a, b) for a, b in zip(vars(one).values(), vars(two).values(), strict=True))
