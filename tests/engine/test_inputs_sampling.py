"""Samples of the surface: even, reproducible, true to the surface."""

from __future__ import annotations

import numpy as np
import trimesh
from builders import Job, box, mesh_arrays
from scipy.spatial import cKDTree

from align4d.inputs.asset import load_asset, triangle_areas
from align4d.inputs.sampling import sample_surface


def test_samples_lie_on_the_surface_and_are_more_even_than_random_ones(job: Job) -> None:
    sphere = trimesh.creation.icosphere(subdivisions=4)
    job.add(mesh_arrays(np.asarray(sphere.vertices), np.asarray(sphere.faces)))
    asset = load_asset(job.request(), job.folder)
    samples = sample_surface(asset, 1500, seed=3)
    assert len(samples) == 1500
    rebuilt = np.einsum("nkc,nk->nc", asset.vertices[asset.triangles[samples.triangle]], samples.barycentric)
    np.testing.assert_allclose(rebuilt, samples.position, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(samples.normal, axis=1), 1, atol=1e-5)
    assert (np.einsum("nc,nc->n", samples.normal, samples.position) > 0).all()
    spacing = cKDTree(samples.position).query(samples.position, k=2)[0][:, 1]
    random = trimesh.sample.sample_surface(trimesh.Trimesh(asset.vertices, asset.triangles), 1500, seed=0)[0]
    random_spacing = cKDTree(random).query(random, k=2)[0][:, 1]
    assert spacing.min() > 4 * np.percentile(random_spacing, 1)
    assert spacing.std() / spacing.mean() < 0.5 * random_spacing.std() / random_spacing.mean()


def test_areas_add_up_and_every_large_triangle_is_hit(job: Job) -> None:
    rng = np.random.default_rng(1)
    corners = rng.uniform(-1, 1, (40, 3, 3)) * rng.uniform(0.05, 1, (40, 1, 1))
    job.add(mesh_arrays(corners.reshape(-1, 3), np.arange(120).reshape(-1, 3)))
    asset = load_asset(job.request(), job.folder)
    samples = sample_surface(asset, 2000, seed=0)
    areas = triangle_areas(asset)
    np.testing.assert_allclose(samples.area.sum(), areas.sum(), rtol=1e-4)
    large = np.flatnonzero(areas > 4 * areas.sum() / 2000)
    assert set(large) <= set(samples.triangle)
    per_triangle = np.bincount(samples.triangle, samples.area, minlength=40)
    np.testing.assert_allclose(per_triangle[large], areas[large], rtol=0.5)


def test_the_same_seed_gives_the_same_samples_and_another_seed_others(job: Job) -> None:
    job.add(mesh_arrays(*box(1, 2, 3)))
    asset = load_asset(job.request(), job.folder)
    first, again, other = (sample_surface(asset, 300, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.position, again.position)
    assert not np.array_equal(first.position, other.position)


def test_a_degenerate_triangle_gets_no_sample(job: Job) -> None:
    vertices, triangles = box(1, 1, 1)
    job.add(mesh_arrays(vertices, np.concatenate([[[0, 0, 1]], triangles])))
    samples = sample_surface(load_asset(job.request(), job.folder), 200, seed=0)
    assert 0 not in samples.triangle and np.isfinite(samples.normal).all()


def test_both_sides_of_a_thin_sheet_are_sampled_alike(job: Job) -> None:
    job.add(mesh_arrays(*box(1, 1, 0.001)))
    samples = sample_surface(load_asset(job.request(), job.folder), 1000, seed=0)
    up = int((samples.face_normal[:, 2] > 0.5).sum())
    down = int((samples.face_normal[:, 2] < -0.5).sum())
    assert abs(up - down) < 60 and up + down > 950
