"""Orbit cameras: where they stand, what they see, and the way to matrices and back."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from align4d.cameras.orbit import Orbit, blender_from_normalized, intrinsics_for, normalized_from_blender, orbit_from_matrix

INTRINSICS = intrinsics_for(49.1, 200, 100)


def pixel(camera: Orbit, point: tuple[float, float, float]) -> np.ndarray:
    """(2,) where a point is seen."""
    x, y, z = INTRINSICS @ (camera.world_to_camera() @ [*point, 1.0])[:3]
    assert z > 0
    return np.array([x, y]) / z


def test_the_field_of_view_spans_the_height() -> None:
    rise = 2.0 * np.tan(np.radians(49.1 / 2))
    assert pixel(Orbit(distance=2.0), (0, 0, rise)) == pytest.approx([100, 0])
    assert pixel(Orbit(distance=2.0), (rise, 0, -rise)) == pytest.approx([150, 100])


@pytest.mark.parametrize(
    ("azimuth", "elevation", "place"), [(0, 0, (0, -2, 0)), (90, 0, (2, 0, 0)), (-90, 0, (-2, 0, 0)), (0, 90, (0, 0, 2)), (0, -90, (0, 0, -2))]
)
def test_where_it_stands(azimuth: float, elevation: float, place: tuple[float, float, float]) -> None:
    camera = Orbit(azimuth, elevation, 2.0)
    np.testing.assert_allclose(camera.position(), place, atol=1e-12)
    np.testing.assert_allclose(camera.world_to_camera() @ [*place, 1], [0, 0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(camera.world_to_camera() @ [0, 0, 0, 1], [0, 0, 2, 1], atol=1e-12)


def test_up_stays_up() -> None:
    for azimuth in (0, 50, 200):
        for elevation in (-60, 0, 60):
            column, row = pixel(Orbit(azimuth, elevation), (0, 0, 0.1))
            assert column == pytest.approx(100) and row < 50


def test_looking_to_the_right_moves_the_picture_to_the_left() -> None:
    right, straight = (0.2, 0.0, 0.1), Orbit()
    before = pixel(straight, right)
    yawed, pitched, rolled = (pixel(straight.moved(**{name: 5.0}), right) - before for name in ("yaw", "pitch", "roll"))
    assert yawed[0] < -5 and abs(yawed[1]) < 0.5
    assert pitched[1] > 5 and abs(pitched[0]) < 0.5
    assert rolled[0] < 0 and rolled[1] < 0  # counter-clockwise: a point at the upper right goes up and to the left


def test_orbits_come_back_from_their_matrices() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        azimuth, elevation, distance = rng.uniform(-180, 180), rng.uniform(-85, 85), rng.uniform(0.5, 5)
        camera = Orbit(azimuth, elevation, distance, *rng.uniform(-40, 40, 3))
        again = orbit_from_matrix(camera.world_to_camera())
        assert vars(again) == pytest.approx(vars(camera))


@pytest.mark.parametrize("elevation", [90.0, -90.0, 89.99999, -89.99999])
def test_straight_from_above_and_below(elevation: float) -> None:
    for azimuth, roll in ((0.0, 0.0), (130.0, 0.0), (-40.0, 25.0)):
        matrix = Orbit(azimuth, elevation, 2.0, roll, 3.0, -4.0).world_to_camera()
        np.testing.assert_allclose(orbit_from_matrix(matrix).world_to_camera(), matrix, atol=1e-6)
    level = orbit_from_matrix(Orbit(70.0, elevation, 2.0).world_to_camera())
    assert (level.azimuth, level.roll) == pytest.approx((70.0, 0.0), abs=1e-6)


def test_any_rigid_matrix_comes_back() -> None:
    for seed in range(20):
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.random(random_state=seed).as_matrix()
        matrix[:3, 3] = np.random.default_rng(seed).normal(size=3)
        np.testing.assert_allclose(orbit_from_matrix(matrix).world_to_camera(), matrix, atol=1e-9)


def test_blender_s_front_view() -> None:
    """A Blender camera at (0, -2, 0), turned by 90 degrees about X, is azimuth 0."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    matrix[:3, 3] = [0, -2, 0]
    np.testing.assert_allclose(normalized_from_blender(matrix, np.zeros(3), 1.0), Orbit(distance=2.0).world_to_camera(), atol=1e-12)


def test_blender_s_camera_around_an_asset_elsewhere() -> None:
    center, size = np.array([3.0, -1.0, 2.0]), 4.0
    camera = Orbit(30.0, 20.0, 1.7, 5.0, 2.0, -3.0)
    matrix = blender_from_normalized(camera.world_to_camera(), center, size)
    np.testing.assert_allclose(matrix[:3, 3], center + size * camera.position())
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)
    scaled = matrix @ np.diag([2.0, 0.5, 3.0, 1.0])  # Blender's cameras may be scaled; it changes nothing
    assert vars(orbit_from_matrix(normalized_from_blender(scaled, center, size))) == pytest.approx(vars(camera))


def test_the_field_of_view_is_kept() -> None:
    camera = Orbit(30.0, 20.0, 1.7, fovy=35.0)
    assert camera.moved(azimuth=10.0).fovy == 35.0
    assert orbit_from_matrix(camera.world_to_camera(), 35.0).fovy == 35.0


def test_cameras_wait_for_no_torch() -> None:
    """The command line builds an orbit for each of its commands."""
    program = "import sys; import align4d.cameras.orbit; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
