"""Procedural objects: a seed is an object, its box and its mirror hold, and its pictures are taken by the product's cameras."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from align4d_lab.datasets.procedural import (
    DISTANCES,
    FOVY,
    HELD_OUT_SEED,
    OBJECT_FLOATS,
    make_moving_objects,
    make_objects,
    render_objects,
    sample_cameras,
)
from align4d_lab.datasets.procedural import layout as at
from align4d_lab.datasets.procedural.bounds import CUBE_BALL, bounding_box
from align4d_lab.datasets.procedural.cameras import ELEVATIONS, SAME_DISTANCE_SHARE
from align4d_lab.datasets.procedural.distance import primitive_distance
from align4d_lab.datasets.procedural.rotations import turn
from align4d_lab.datasets.procedural.solids import PAINT_FLOATS, Sketch, add, mirrored
from align4d_lab.training import batches
from align4d_lab.training.settings import TrainingSettings
from torch import Tensor

from align4d.cameras.orbit import Orbit, intrinsics_for

COUNT = 300
BULGE = 0.03
"""By how much a silhouette may pass the box, in longest sides: smooth unions swell where primitives meet; and a pixel's part."""


@pytest.fixture(scope="module")
def objects() -> np.ndarray:
    """(COUNT, ROWS, ROW_FLOATS)."""
    return make_objects(0, COUNT).reshape(COUNT, at.ROWS, at.ROW_FLOATS)


def primitives(rows: np.ndarray) -> np.ndarray:
    return rows[1 : 1 + int(rows[0, at.COUNT])]


def axes_of(primitive: np.ndarray) -> np.ndarray:
    """(3, 3), its rows are the primitive's axes in the world."""
    return primitive[at.ROTATION : at.ROTATION + 9].reshape(3, 3)


def center_of(primitive: np.ndarray) -> np.ndarray:
    return primitive[at.CENTER : at.CENTER + 3]


def ball(center: tuple[float, float, float], radii: tuple[float, float, float]) -> Tensor:
    """(1, OBJECT_FLOATS) one gray ellipsoid in flat light."""
    rows = np.zeros((at.ROWS, at.ROW_FLOATS), np.float32)
    rows[0, at.BALL] = CUBE_BALL
    rows[0, at.COUNT], rows[0, at.AMBIENT], rows[0, at.COLOR_BLEND], rows[0, at.LIGHT + 2] = 1, 1, 0.001, 1
    rows[1, at.KIND] = at.ELLIPSOID
    rows[1, at.CENTER : at.CENTER + 3] = center
    rows[1, at.ROTATION : at.ROTATION + 9] = np.eye(3).ravel()
    rows[1, at.SIZE : at.SIZE + 3] = radii
    rows[1, at.COLOR : at.COLOR + 3] = 0.2
    rows[1, at.REACH] = max(radii)
    return torch.from_numpy(rows.reshape(1, OBJECT_FLOATS))


def pictures(objects: Tensor, cameras: list[Orbit], size: int, supersampling: int = 1) -> Tensor:
    """(n, V, 3, size, size) of every object from every camera."""
    numbers = [[math.radians(one.elevation), math.radians(one.azimuth), one.distance] for one in cameras]
    return render_objects(objects, torch.tensor(numbers).expand(len(objects), -1, -1), size, supersampling)


def test_a_seed_is_an_object(objects: np.ndarray) -> None:
    again = make_objects(0, COUNT).reshape(objects.shape)
    assert np.array_equal(objects, again)
    piece = make_objects(37, 5).reshape(5, at.ROWS, at.ROW_FLOATS)
    assert np.array_equal(piece, objects[37:42]), "an object depends on those that are made with it"
    assert len(np.unique(objects.reshape(COUNT, -1), axis=0)) == COUNT


def test_boxes_are_centered_with_longest_side_one(objects: np.ndarray) -> None:
    for rows in objects:
        low, high = bounding_box(rows)
        assert (high - low).max() == pytest.approx(1, abs=1e-4)
        assert np.abs(low + high).max() < 1e-4


def test_a_box_holds_its_primitives_and_touches_them(objects: np.ndarray) -> None:
    """By their signed distances, which know nothing of the box: none reaches through a side, and every side is reached by one."""
    cells = 24
    steps = np.stack(np.meshgrid(np.linspace(0, 1, cells + 1), np.linspace(0, 1, cells + 1)), -1).reshape(-1, 2)
    for rows in objects[:4]:
        corners = bounding_box(rows)
        for axis in range(3):
            for side in corners[:, axis]:
                points = np.insert(corners[0, [i for i in range(3) if i != axis]] + steps * np.delete(np.ptp(corners, 0), axis), axis, side, 1)
                nearest = [min(primitive_distance(one, *point) for one in primitives(rows)) for point in points.astype(np.float32)]
                assert -2e-3 < min(nearest) < 1 / cells


@pytest.mark.parametrize(("azimuth", "elevation"), [(0.0, 0.0), (90.0, 0.0), (0.0, 60.0)])
def test_silhouettes_keep_to_the_box(objects: np.ndarray, azimuth: float, elevation: float) -> None:
    size, camera = 64, Orbit(azimuth=azimuth, elevation=elevation, distance=2.2)
    seen = (pictures(torch.from_numpy(objects[:12].reshape(12, -1)), [camera], size)[:, 0] < 0.999).any(1).numpy()
    matrix, intrinsics = camera.world_to_camera(), intrinsics_for(FOVY, size, size)
    for rows, silhouette in zip(objects[:12], seen, strict=True):
        low, high = bounding_box(rows)
        corners = np.array([[(low, high)[k >> i & 1][i] for i in range(3)] for k in range(8)])
        in_camera = corners @ matrix[:3, :3].T + matrix[:3, 3]
        projected = in_camera @ intrinsics.T
        columns, lines = projected[:, 0] / projected[:, 2], projected[:, 1] / projected[:, 2]
        spare = 1 + BULGE * intrinsics[0, 0] / in_camera[:, 2].min()
        drawn_lines, drawn_columns = np.nonzero(silhouette)
        assert drawn_columns.min() >= columns.min() - spare and drawn_columns.max() + 1 <= columns.max() + spare
        assert drawn_lines.min() >= lines.min() - spare and drawn_lines.max() + 1 <= lines.max() + spare
        if elevation == 0:  # and it fills it; a box's far side looks a third smaller than its near one
            assert max(np.ptp(drawn_columns), np.ptp(drawn_lines)) > 0.5 * max(np.ptp(columns), np.ptp(lines))


def test_mirrored_primitives_are_reflections() -> None:
    """A primitive and its copy have mirrored distances everywhere, and both frames are right-handed."""
    rows = np.zeros((at.ROWS + 1, at.ROW_FLOATS), np.float32)
    sketch = Sketch(rows, np.ones((9, PAINT_FLOATS), np.float32), np.zeros(1, np.uint64))
    plane = 0.1
    points = np.random.default_rng(1).uniform(-1, 1, (200, 3)).astype(np.float32)
    for kind in (at.ELLIPSOID, at.BOX, at.ROUND_CONE, at.TORUS, at.CYLINDER, at.FRUSTUM, at.DOME):
        size = (0.2, 0.06, 0.3)
        row = add(sketch, kind, 0.3, -0.2, 0.1, turn(0.4, -0.7, 1.1), *size, 0.03, 0)
        copy = rows[mirrored(sketch, row, plane)]
        assert np.linalg.det(axes_of(copy)) == pytest.approx(1, abs=1e-4)
        for x, y, z in points:
            here, there = primitive_distance(rows[row], x, y, z), primitive_distance(copy, np.float32(2 * plane) - x, y, z)
            assert here == pytest.approx(there, abs=1e-4), kind


CAMERAS = [Orbit(azimuth=a, elevation=e, distance=d) for a, e, d in ((0, 0, 2.0), (70, 25, 1.6), (-130, -20, 2.2), (180, 55, 1.8))]


def test_cameras_stand_where_orbit_cameras_do() -> None:
    """A small ball's silhouette has its centroid where an Orbit projects the ball's center."""
    size, center = 96, (0.25, -0.15, 0.2)
    images = pictures(ball(center, (0.06, 0.06, 0.06)), CAMERAS, size, supersampling=2)[0]
    intrinsics = intrinsics_for(FOVY, size, size)
    for camera, image in zip(CAMERAS, images, strict=True):
        lines, columns = np.nonzero((image < 0.999).any(0).numpy())
        matrix = camera.world_to_camera()
        x, y, depth = intrinsics @ (matrix[:3, :3] @ center + matrix[:3, 3])
        assert abs(columns.mean() + 0.5 - x / depth) < 0.4
        assert abs(lines.mean() + 0.5 - y / depth) < 0.4
        # its area: of a disc of the same angle
        radius = intrinsics[0, 0] * 0.06 / depth
        assert len(lines) == pytest.approx(math.pi * (radius + 0.25) ** 2, rel=0.25)


def test_background_is_white(objects: np.ndarray) -> None:
    images = pictures(torch.from_numpy(objects[:16].reshape(16, -1)), CAMERAS[:2], 48)
    border = torch.cat([images[..., 0, :], images[..., :, 0]], -1)
    assert (border == 1).float().mean() > 0.95
    assert images.min() >= 0 and images.max() <= 1
    away = pictures(ball((0.0, 0.0, 0.3), (0.1, 0.1, 0.1)), [Orbit()], 32)[0, 0]
    assert (away[:, 20:] == 1).all() and (away[:, :16] < 1).any()


def test_every_kind_of_solid_and_pattern_occurs(objects: np.ndarray) -> None:
    solids = np.concatenate([primitives(rows) for rows in objects])
    assert set(solids[:, at.KIND].astype(int)) == set(range(at.DOME + 1))
    assert set(solids[:, at.PATTERN].astype(int)) == set(range(at.BAND + 1))
    used = objects[:, 0, at.COUNT]
    assert used.min() >= 1 and used.max() <= at.MAX_PRIMITIVES
    assert (used <= 3).any() and (used >= 25).any(), "simple clusters and rich characters"


def test_held_out_seeds_are_never_trained_on(objects: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even by a run whose next seed lies right below them."""
    asked: list[tuple[int, int]] = []

    def recorded(first: int, count: int) -> np.ndarray:
        asked.append((first, count))
        return make_moving_objects(first, count)

    monkeypatch.setattr(batches, "make_moving_objects", recorded)
    settings = TrainingSettings(objects=64, targets=1, seed=21, supersampling=1)
    used_up = HELD_OUT_SEED - 100 - settings.seed * 100_000_007
    for rank in range(2):
        training = batches.Batches(settings, 32, torch.device("cpu"), rank, 2, used_up)
        training.draw()
        training.worker.shutdown()
    assert len(asked) == 4 and asked[0][0] == HELD_OUT_SEED - 100
    assert all(first >= 0 and first + count <= HELD_OUT_SEED for first, count in asked)
    held_out = make_objects(HELD_OUT_SEED, 50)
    assert not (held_out[:, None] == objects.reshape(COUNT, -1)[None]).all(-1).any()


def test_cameras_are_drawn_from_their_ranges() -> None:
    cameras = sample_cameras(4000, 3, torch.Generator().manual_seed(0))
    elevation, azimuth, distance = torch.rad2deg(cameras[..., 0]), cameras[..., 1], cameras[..., 2]
    assert elevation.min() >= ELEVATIONS[0] - 1e-3 and elevation.max() <= ELEVATIONS[1] + 1e-3
    assert elevation.min() < ELEVATIONS[0] + 2 and elevation.max() > ELEVATIONS[1] - 2
    assert distance.min() >= DISTANCES[0] and distance.max() <= DISTANCES[1]
    assert azimuth.min() >= 0 and azimuth.max() <= 2 * math.pi and azimuth.mean() == pytest.approx(math.pi, abs=0.1)
    level = (distance == distance[:, :1]).all(1)
    assert level.float().mean() == pytest.approx(SAME_DISTANCE_SHARE, abs=0.05)
    assert torch.equal(cameras, sample_cameras(4000, 3, torch.Generator().manual_seed(0)))


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="objects"):
        render_objects(torch.zeros(2, 5), torch.zeros(2, 1, 3))
    with pytest.raises(ValueError, match="cameras"):
        render_objects(torch.zeros(2, OBJECT_FLOATS), torch.zeros(3, 1, 3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_draws_what_the_cpu_draws(objects: np.ndarray) -> None:
    pytest.importorskip("numba_cuda")
    flat = torch.from_numpy(objects[:64].reshape(64, -1))
    cameras = sample_cameras(64, 2, torch.Generator().manual_seed(0))
    here, there = render_objects(flat, cameras, 64), render_objects(flat.cuda(), cameras.cuda(), 64).cpu()
    difference = (here - there).abs()
    assert difference.mean() < 1e-4
    assert (difference > 0.02).float().mean() < 1e-3  # rays that graze an edge
