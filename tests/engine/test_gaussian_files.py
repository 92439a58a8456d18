"""Gaussians as files: what other programs read is what the engine shows, in each object's own space."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import Job, box, mesh_arrays
from puppets import bound
from scipy.spatial.transform import Rotation

from align4d.bake import gaussians as files
from align4d.bake.gaussians import GaussianSequence, owners
from align4d.cameras.orbit import Orbit, intrinsics_for
from align4d.errors import EngineError
from align4d.inputs.asset import Asset, load_asset
from align4d.protocol.ply import HARMONIC, PROPERTIES
from align4d.rendering import Cameras, Gaussians, rasterize

STRETCHED = np.array([[0, -2, 0, 4], [1.5, 0, 0.5, -1], [0, 0, -3, 2], [0, 0, 0, 1.0]])
"""Turned, mirrored, sheared and of another size along every axis."""


def read_ply(path: Path) -> dict[str, np.ndarray]:
    """Column -> values, as the header of the file has them."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    lines = header.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    count = int(lines[2].removeprefix("element vertex "))
    names = [line.removeprefix("property float ") for line in lines[3:]]
    rows = np.frombuffer(body, "<f4").reshape(count, len(names))
    return dict(zip(names, rows.T, strict=True))


def activated(columns: dict[str, np.ndarray], matrix: np.ndarray) -> tuple[np.ndarray, ...]:
    """Centers, covariances, opacities and colors of a file whose object stands at `matrix`, in the world."""
    means = np.stack([columns[axis] for axis in "xyz"], 1) @ matrix[:3, :3].T + matrix[:3, 3]
    turn = Rotation.from_quat(np.stack([columns[f"rot_{i}"] for i in range(4)], 1), scalar_first=True).as_matrix()
    half = matrix[:3, :3] @ turn * np.exp(np.stack([columns[f"scale_{i}"] for i in range(3)], 1))[:, None]
    colors = 0.5 + HARMONIC * np.stack([columns[f"f_dc_{i}"] for i in range(3)], 1)
    return means, half @ half.transpose(0, 2, 1), 1 / (1 + np.exp(-columns["opacity"])), colors


def random_gaussians(count: int) -> Gaussians:
    generator = torch.Generator().manual_seed(1)
    draw = torch.randn(count, 11, generator=generator)
    return Gaussians(draw[:, :3] * 0.2, draw[:, 3:7], (draw[:, 7:10] - 3).exp(), torch.sigmoid(draw[:, 10]), torch.sigmoid(draw[:, :3]))


@pytest.fixture
def two_objects(job: Job) -> Asset:
    """A box at rest, and one that its object's matrix stretches, turns and mirrors."""
    job.add(mesh_arrays(*box(1, 1, 1)))
    job.add(mesh_arrays(*box(0.5, 1, 2)), STRETCHED)
    return load_asset(job.request(), job.folder)


def test_files_hold_the_standard_columns_and_the_same_gaussians_in_the_world(two_objects: Asset, tmp_path: Path) -> None:
    shown, owner = random_gaussians(200), np.arange(200) % 2
    sequence = GaussianSequence(tmp_path, two_objects, owner)
    sequence.write(7, shown)
    half = (Rotation.from_quat(shown.quats, scalar_first=True).as_matrix() * shown.scales.numpy()[:, None]) * two_objects.similarity.size
    covariances = half @ half.transpose(0, 2, 1)
    for index, item in enumerate(two_objects.objects):
        columns = read_ply(tmp_path / sequence.folders[index] / "frame_0007.ply")
        assert tuple(columns) == PROPERTIES
        means, spread, opacities, colors = activated(columns, item.matrix_world)
        mine = owner == index
        np.testing.assert_allclose(means, two_objects.similarity.invert(shown.means.numpy())[mine], atol=1e-5)
        np.testing.assert_allclose(spread, covariances[mine], rtol=0, atol=1e-5 * np.abs(covariances).max())
        np.testing.assert_allclose(opacities, shown.opacities.numpy()[mine], atol=1e-5)
        np.testing.assert_allclose(colors, shown.colors.numpy()[mine], atol=1e-5)


def test_the_files_show_the_picture_that_the_engine_shows(job: Job, tmp_path: Path) -> None:
    job.add(mesh_arrays(*box(0.5, 1, 2)), STRETCHED)
    asset = load_asset(job.request(), job.folder)
    mine = bound(asset, 300, 5)
    shown = mine.colored(torch.rand(300, 3, generator=torch.Generator().manual_seed(0)))
    sequence = GaussianSequence(tmp_path, asset, owners(asset, mine))
    sequence.write(0, shown)
    columns = read_ply(tmp_path / sequence.folders[0] / "frame_0000.ply")
    linear = STRETCHED[:3, :3] / asset.similarity.size
    turn = np.stack([columns[f"rot_{i}"] for i in range(4)], 1)
    quats, scales = files.transformed(linear, turn, np.exp(np.stack([columns[f"scale_{i}"] for i in range(3)], 1)))
    means, _, opacities, colors = activated(columns, STRETCHED)
    back = [asset.similarity.apply(means), quats, scales, opacities, colors]
    read = Gaussians(*(torch.from_numpy(np.asarray(one, np.float32)) for one in back))
    seen_from = Orbit(30.0, 20.0, 2.0).world_to_camera(), intrinsics_for(40.0, 64, 64)
    camera = Cameras(*(torch.from_numpy(one).float()[None] for one in seen_from))
    pictures = [rasterize(one, camera, (64, 64), backend="cpu").color for one in (shown, read)]
    assert float(pictures[0].min()) < 0.5, "nothing is to be seen"
    torch.testing.assert_close(*pictures, atol=2e-3, rtol=0)


def test_each_gaussian_belongs_to_the_object_whose_surface_it_lies_on(two_objects: Asset) -> None:
    mine = bound(two_objects, 200, 2)
    places = (mine.barycentric[..., None] * mine.corners).sum(1).numpy()
    inverse = np.linalg.inv(STRETCHED)
    local = two_objects.similarity.invert(places) @ inverse[:3, :3].T + inverse[:3, 3]
    on_second = np.abs(np.abs(local / [0.25, 0.5, 1.0]).max(1) - 1) < 1e-4
    np.testing.assert_array_equal(owners(two_objects, mine) == 1, on_second)
    assert 0 < on_second.sum() < 200


def test_damaged_gaussians_and_a_full_disk_leave_no_file(two_objects: Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, sequence = random_gaussians(20), GaussianSequence(tmp_path, two_objects, np.zeros(20, int))
    shown.means[3, 1] = torch.nan
    with pytest.raises(EngineError) as caught:
        sequence.write(0, shown)
    assert caught.value.code == "gaussians_invalid"

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EngineError) as caught:
        sequence.write(0, random_gaussians(20))
    assert caught.value.code == "disk_full"
    assert not [path for path in (tmp_path / "output").rglob("*") if path.is_file()]
