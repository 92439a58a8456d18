"""The surface of Gaussians: a ball of known size and colors becomes a closed mesh of that size in these colors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import trimesh

from align4d.cameras.orbit import Orbit
from align4d.errors import EngineError
from align4d.generators import mesh_extraction
from align4d.generators.interfaces import GeneratedAsset
from align4d.generators.mesh_extraction import extract_mesh
from align4d.generators.occupancy import occupancy
from align4d.inputs.colors import lookup
from align4d.job.reporting import RecordingReporter
from align4d.motion.rotations import quaternion_to_normal
from align4d.reconstruction.depth_fusion import with_missing
from align4d.reconstruction.textured_mesh import TexturedMesh
from align4d.rendering import Gaussians

RADIUS, COUNT = 0.45, 6000


def ball(opacity: float) -> GeneratedAsset:
    """Flat Gaussians on a ball, red in the upper half, blue in the lower."""
    index = torch.arange(COUNT) + 0.5
    height, angle = 1 - 2 * index / COUNT, index * np.pi * (3 - 5**0.5)
    around = (1 - height**2).sqrt()
    normal = torch.stack([around * angle.cos(), around * angle.sin(), height], 1)
    color = torch.where(height[:, None] > 0, torch.tensor([0.9, 0.1, 0.1]), torch.tensor([0.1, 0.1, 0.9]))
    width = RADIUS * (4 * np.pi / COUNT) ** 0.5 * 0.6
    scales = torch.tensor([width, width, 0.1 * width]).float().repeat(COUNT, 1)
    gaussians = Gaussians((RADIUS * normal).float(), quaternion_to_normal(normal.float()), scales, torch.full((COUNT,), opacity), color)
    return GeneratedAsset(gaussians, Orbit())


@pytest.fixture(scope="module", autouse=True)
def small_texture() -> Iterator[None]:
    """A texture of a size that takes no time; the grid and the views are the real ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mesh_extraction, "TEXTURE_SIDE", 256)
        yield


@pytest.fixture(scope="module")
def mesh(small_texture: None) -> TexturedMesh:
    return extract_mesh(ball(0.95), RecordingReporter())


def test_closed_and_of_the_right_size(mesh: TexturedMesh) -> None:
    solid = trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False)
    assert solid.is_watertight and solid.body_count == 1
    assert solid.volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.05)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), RADIUS, atol=0.015)


def test_texture_has_the_colors_of_the_gaussians(mesh: TexturedMesh) -> None:
    color = lookup(mesh.texture, mesh.corner_uv.mean(axis=1))
    height = mesh.vertices[mesh.triangles, 2].mean(axis=1)
    for some, wanted in ((height > 0.1, (0.9, 0.1, 0.1)), (height < -0.1, (0.1, 0.1, 0.9))):
        np.testing.assert_allclose(np.median(color[some], axis=0), wanted, atol=0.06)


def test_uv_map_has_no_overlaps(mesh: TexturedMesh) -> None:
    uv = mesh.corner_uv.astype(np.float64)
    assert uv.min() >= 0 and uv.max() <= 1
    edges = uv[:, 1:] - uv[:, :1]
    area = 0.5 * np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]).sum()
    assert 0.3 < area < 1, "charts that lie on each other would add up to more than the square"


def test_what_is_nowhere_solid_has_no_surface() -> None:
    with pytest.raises(EngineError) as refused:
        extract_mesh(ball(0.002), RecordingReporter())
    assert refused.value.code == "no_surface"


def board(opacity: float) -> GeneratedAsset:
    """A ball on a board that is thinner than a cell of the grid, and too thin to look solid from above and below."""
    generator = torch.Generator().manual_seed(0)
    flat = torch.rand(3000, 3, generator=generator) * torch.tensor([0.9, 0.3, 0.004]) - torch.tensor([0.45, 0.15, 0.4])
    top = ball(0.95).gaussians
    means = torch.cat([flat, 0.5 * top.means + torch.tensor([0, 0, -0.1])])
    scales = torch.cat([torch.tensor([0.008, 0.008, 0.001]).repeat(len(flat), 1), 0.5 * top.scales])
    quats = torch.cat([torch.tensor([1.0, 0, 0, 0]).repeat(len(flat), 1), top.quats])
    opacities = torch.cat([torch.full((len(flat),), opacity), top.opacities])
    return GeneratedAsset(Gaussians(means, quats, scales, opacities, torch.full((len(means), 3), 0.4)), Orbit())


def test_thin_parts_survive() -> None:
    mesh = extract_mesh(board(0.3), RecordingReporter())
    low = mesh.vertices[mesh.vertices[:, 2] < -0.36]
    assert np.ptp(low[:, 0]) == pytest.approx(0.9, abs=0.05) and np.ptp(low[:, 1]) == pytest.approx(0.3, abs=0.05)
    assert np.ptp(low[:, 2]) < 0.05 and trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False).is_watertight


def test_a_flat_gaussian_between_the_cells_is_found() -> None:
    flat = Gaussians(torch.zeros(1, 3), torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[0.06, 0.06, 0.001]]), torch.tensor([0.9]), torch.ones(1, 3))
    matter = occupancy(flat, 20, 0.5).numpy()
    assert matter[9:11, 9:11, 9:11].min() > 0.4 and matter[..., :8].max() < 0.05
    np.testing.assert_allclose(matter, matter[::-1, ::-1, ::-1], atol=0.02)


def test_haze_and_blur_are_no_missing_parts() -> None:
    place = np.stack(np.mgrid[:40, :40, :40], -1)
    inside = (8 - np.linalg.norm(place - 20, axis=-1)).astype(np.float32)
    blurred = (inside > -1.2).astype(np.float32)
    assert with_missing(inside, blurred) is inside
    blurred[2, 2, 2] = 1
    assert with_missing(inside, blurred) is inside
    blurred[4:36, 4:36, 30] = 1  # a plate that only touches it
    grown = with_missing(inside, blurred)
    assert (grown[5:35, 5:35, 30] > 0).all() and (grown[:, :, :25] == inside[:, :, :25]).all()
