"""Sheets of clips: where a result is looked at from."""

from __future__ import annotations

import numpy as np
import pytest

from align4d.cameras.orbit import Orbit, blender_from_normalized
from align4d.protocol import CameraResult, Result, as_matrix
from benchmarks.quality.clips import camera_of

CENTER = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize("turn", [0.0, 90.0, 180.0])
def test_a_turned_camera_sees_the_mesh_in_the_same_place_from_there(turn: float) -> None:
    matrix = as_matrix(blender_from_normalized(Orbit(30.0, 10.0, 3.0).world_to_camera(), CENTER, 1.0))
    result = Result("job", 1, 24.0, (), CameraResult(matrix, 40.0, 640, 360, 30.0, 10.0, 0.0, 3.0))
    motion = CENTER + np.array([[[-0.5, -0.5, -0.5], [0.5, 0.5, 0.5]]])
    camera = camera_of(result, motion, 0, turn)
    seen = camera.world_to_camera @ np.append(CENTER, 1)
    np.testing.assert_allclose(seen[:3], [0, 0, 3], atol=1e-6)
    place = -camera.world_to_camera[:3, :3].T @ camera.world_to_camera[:3, 3] - CENTER
    expected = Orbit(30.0 + turn, 10.0, 3.0).world_to_camera()
    np.testing.assert_allclose(place, -expected[:3, :3].T @ expected[:3, 3], atol=1e-6)
    assert camera.size == (455, 256)
