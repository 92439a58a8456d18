"""The way back: bake points follow the surface, and come out in the artist's own space."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import trimesh
from builders import IDENTITY, Job, box, mesh_arrays
from scipy.spatial.transform import Rotation

from align4d import protocol
from align4d.bake import bind_points, write_result
from align4d.errors import EngineError
from align4d.inputs.asset import Asset, load_asset

CAMERA = protocol.CameraResult(IDENTITY, 49.1, 512, 512, 10.0, 5.0, 0.0, 2.0)
MATRIX = np.array([[0, -2, 0, 4], [1.5, 0, 0.5, -1], [0, 0, -3, 2], [0, 0, 0, 1.0]])


def sphere_asset(job: Job, bake: np.ndarray | None = None) -> Asset:
    """An icosphere, with its own vertices or others to bake."""
    sphere = trimesh.creation.icosphere(subdivisions=3)
    arrays = mesh_arrays(np.asarray(sphere.vertices), np.asarray(sphere.faces))
    if bake is not None:
        arrays["bake_vertices"] = bake.astype(np.float32)
    job.add(arrays)
    return load_asset(job.request(), job.folder)


def test_points_that_are_vertices_follow_them_exactly(job: Job) -> None:
    asset = sphere_asset(job)
    binding = bind_points(asset)
    moved = asset.vertices + np.random.default_rng(0).normal(0, 0.1, (3, *asset.vertices.shape)).astype(np.float32)
    np.testing.assert_array_equal(binding.follow(asset.triangles, moved), moved)


def test_vertices_that_share_a_place_stay_apart(job: Job) -> None:
    vertices, triangles = box(1, 1, 1)
    job.add(mesh_arrays(vertices[triangles].reshape(-1, 3), np.arange(36).reshape(-1, 3)))
    asset = load_asset(job.request(), job.folder)
    moved = asset.vertices + np.random.default_rng(0).normal(0, 0.1, asset.vertices.shape).astype(np.float32)
    np.testing.assert_array_equal(bind_points(asset).follow(asset.triangles, moved), moved)


def test_points_off_the_surface_are_bound_to_the_nearest_place_and_move_rigidly_with_it(job: Job) -> None:
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    asset = sphere_asset(job, directions * rng.uniform(0.8, 1.3, (300, 1)))
    binding = bind_points(asset)
    np.testing.assert_allclose(binding.follow(asset.triangles, asset.vertices), asset.bake_points, atol=1e-6)
    nearest = nearest_by_force(asset)
    foot = np.einsum("bkc,bk->bc", asset.vertices[asset.triangles[binding.triangle]], binding.barycentric)
    found = np.linalg.norm(foot - asset.bake_points, axis=1)
    np.testing.assert_allclose(found, nearest, atol=1e-5)
    turn = Rotation.from_euler("xyz", [0.5, -1.0, 2.0]).as_matrix().astype(np.float32)
    moved = binding.follow(asset.triangles, asset.vertices @ turn.T + 0.3)
    np.testing.assert_allclose(moved, asset.bake_points @ turn.T + 0.3, atol=1e-5)


def nearest_by_force(asset: Asset) -> np.ndarray:
    """Distance from each bake point to the surface, all triangles tried by trimesh."""
    best = np.full(len(asset.bake_points), np.inf)
    for corners in asset.vertices[asset.triangles]:
        place = trimesh.triangles.closest_point(np.broadcast_to(corners, (len(best), 3, 3)), asset.bake_points)
        best = np.minimum(best, np.linalg.norm(place - asset.bake_points, axis=1))
    return best


def test_a_point_binds_to_its_own_object(job: Job) -> None:
    job.add(mesh_arrays(*box(1, 1, 1)))
    job.add(mesh_arrays(*box(1, 1, 1), bake_vertices=np.zeros((2, 3), np.float32)))
    asset = load_asset(job.request(), job.folder)
    binding = bind_points(asset)
    assert (binding.triangle[asset.objects[0].points] < 12).all() and (binding.triangle[asset.objects[1].points] >= 12).all()


def test_the_rest_shape_comes_back_as_the_artist_s_own_vertices(job: Job) -> None:
    shapes = [box(1, 2, 3)[0] + [1, 2, 3], box(0.2, 0.2, 0.2)[0]]
    for vertices, matrix in zip(shapes, (MATRIX, np.diag([1.0, 1.0, 5.0, 1.0])), strict=True):
        job.add(mesh_arrays(vertices, box(1, 1, 1)[1]), matrix)
    asset = load_asset(job.request(), job.folder)
    lifted = asset.bake_points + np.float32([0, 0, 0.1])  # one tenth of the longest side, upwards in the world
    result = write_result(job.folder, "job-1", asset, np.stack([asset.bake_points, lifted]), 24.0, CAMERA, notes=("A note.",), figures={"loss": 0.5})
    assert protocol.read_result(job.folder) == result
    assert [item.id for item in result.objects] == ["id0", "id1"] and result.frames == 2
    for item, vertices, spec in zip(result.objects, shapes, job.objects, strict=True):
        motion = protocol.read_pc2(job.folder / item.motion)
        np.testing.assert_allclose(motion[0], vertices, atol=1e-5)
        rows = np.array(spec.matrix_world)
        shift = (motion[1] - motion[0]) @ rows[:3, :3].T
        np.testing.assert_allclose(shift, np.tile([0, 0, 0.1 * asset.similarity.size], (8, 1)), atol=1e-5)


def test_a_full_disk_leaves_no_result(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = sphere_asset(job)
    write_result(job.folder, "job-1", asset, asset.bake_points[None], 24.0, CAMERA)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineError) as caught:
        write_result(job.folder, "job-1", asset, asset.bake_points[None], 24.0, CAMERA)
    assert caught.value.code == "disk_full"
    assert not (job.folder / "output" / "result.json").exists()  # the old one would pass for the new one
    assert not list((job.folder / "output").glob("*.part"))


def test_motion_that_is_not_a_number_is_refused(job: Job) -> None:
    asset = sphere_asset(job)
    motion = asset.bake_points[None].copy()
    motion[0, 0, 0] = np.nan
    with pytest.raises(EngineError) as caught:
        write_result(job.folder, "job-1", asset, motion, 24.0, CAMERA)
    assert caught.value.code == "motion_invalid"
    assert not (job.folder / "output" / "result.json").exists()


def test_a_large_cache_is_written_in_pieces(job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asset = sphere_asset(job)
    rng = np.random.default_rng(0)
    motion = (asset.bake_points + rng.normal(0, 0.1, (7, *asset.bake_points.shape))).astype(np.float32)
    whole = write_result(job.folder, "job-1", asset, motion, 24.0, CAMERA)
    monkeypatch.setattr("align4d.bake.result.CHUNK", 2 * len(asset.bake_points))
    (tmp_path / "pieces").mkdir()
    pieces = write_result(tmp_path / "pieces", "job-1", asset, motion, 24.0, CAMERA)
    expected = protocol.read_pc2(job.folder / whole.objects[0].motion)
    np.testing.assert_array_equal(protocol.read_pc2(tmp_path / "pieces" / pieces.objects[0].motion), expected)
    assert whole == pieces
