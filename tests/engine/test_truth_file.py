"""truth.npz of a benchmark's case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from align4d_lab.evaluation.truth_file import read_truth

from align4d.errors import EngineError

CAMERA = {"azimuth": 30.0, "elevation": 10.0, "distance": 2.5, "fovy": 49.1}


def test_motion_counts_from_the_meshs_own_pose(tmp_path: Path) -> None:
    path, vertices = tmp_path / "truth.npz", np.random.default_rng(0).normal(0, 1, (5, 7, 3))
    np.savez(path, vertices=vertices, rest=vertices[0] + 1, **CAMERA)
    truth = read_truth(path)
    assert truth.explained(vertices) == 1
    assert truth.explained(np.broadcast_to(vertices[0] + 1, vertices.shape)) == 0
    assert truth.explained(np.broadcast_to(vertices[0], vertices.shape)) > 0
    np.savez(path, vertices=vertices, **CAMERA)
    assert read_truth(path).explained(np.broadcast_to(vertices[0], vertices.shape)) == 0


def test_cameras_are_of_each_frame(tmp_path: Path) -> None:
    path, vertices = tmp_path / "truth.npz", np.zeros((2, 7, 3))
    cameras = np.stack([np.eye(4)] * 2)
    np.savez(path, vertices=vertices, cameras=cameras, **CAMERA)
    matrix = np.eye(4)
    matrix[:3, 3] = 1, 2, 3
    view = read_truth(path).view(matrix)
    assert view.viewmats is not None and view.axes().shape == (2, 3, 3) and view.center.tolist() == [1, 2, 3]
    assert read_truth(path).placed(matrix)[1, 6].tolist() == [1, 2, 3]


@pytest.mark.parametrize("wrong", [{"rest": np.zeros((6, 3))}, {"cameras": np.zeros((3, 4, 4))}, {"vertices": np.zeros((2, 7))}])
def test_what_does_not_belong_together_is_refused(tmp_path: Path, wrong: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "truth.npz", **{"vertices": np.zeros((2, 7, 3)), **CAMERA, **wrong})
    with pytest.raises(EngineError, match="cannot be read"):
        read_truth(tmp_path / "truth.npz")
