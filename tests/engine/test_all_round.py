"""A mesh that lies otherwise than the body in the clip: it is looked at from all round, and turned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from puppets import Studio
from scipy.spatial.transform import Rotation
from test_first_pose import CAMERA, SIZE, TRACKING, Scene

from align4d.alignment.all_round import as_turned_body, orientations
from align4d.alignment.pose_cost import PoseCost
from align4d.alignment.standing_place import turned_rest
from align4d.alignment.view import View
from align4d.cameras.orbit import Orbit
from align4d.job.reporting import RecordingReporter


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("round"))


def upright(scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
    """The puppet turned as far as no joint bends, its wing a little bent."""
    turn, shift = scene.bent([20.0, 25.0])
    turn[:, scene.skeleton.root] = torch.from_numpy(Rotation.from_euler("xyz", [100, 20, -40], degrees=True).as_rotvec()).float()
    return turn, shift


def test_any_orientation_is_near_one_that_is_tried() -> None:
    some = Rotation.random(200, random_state=0)
    apart = np.stack([(some.inv() * Rotation.from_matrix(one)).magnitude() for one in orientations()])
    assert np.degrees(apart.min(0)).max() < 60 and np.degrees(np.median(apart.min(0))) < 40


def test_a_turned_body_is_seen_as_the_mesh_is_from_elsewhere(scene: Scene) -> None:
    elsewhere = Orbit(130.0, -40.0, 2.5, roll=70.0, yaw=1.0)
    vertices = torch.from_numpy(scene.asset.vertices)
    turned = scene.vertices(*as_turned_body(scene.skeleton, CAMERA, elsewhere, vertices))[0]
    np.testing.assert_allclose(seen_by(CAMERA, turned), seen_by(elsewhere, scene.asset.vertices), atol=1e-5)


def seen_by(camera: Orbit, points: np.ndarray) -> np.ndarray:
    """(N, 3) in the camera's space."""
    matrix = camera.world_to_camera()
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def test_a_body_that_lies_otherwise_than_the_mesh_is_found(scene: Scene) -> None:
    true = scene.vertices(*upright(scene))
    search = scene.search(Studio(CAMERA).reference(scene.asset, true, SIZE))
    found = search.all_round(CAMERA.moved(distance=3.0), 0, RecordingReporter())
    assert found is not None
    vertices = scene.vertices(found.turn, found.shift)[0]
    off = vertices - true[found.frame]
    off -= off @ CAMERA.world_to_camera()[2, :3][:, None] * CAMERA.world_to_camera()[2, :3]  # how deep it is, nobody can know
    assert found.overlap > 0.9 and np.linalg.norm(off, axis=1).mean() < 0.05
    assert np.linalg.norm(scene.asset.vertices - true[found.frame], axis=1).mean() > 0.2
    assert abs(found.camera.azimuth - CAMERA.azimuth) < 1 and abs(found.camera.elevation - CAMERA.elevation) < 1


def test_a_body_that_lies_as_the_mesh_is_not_turned(scene: Scene) -> None:
    search = scene.search(Studio(CAMERA).reference(scene.asset, scene.vertices(*scene.bent([15.0, 10.0])), SIZE))
    assert search.all_round(CAMERA.moved(distance=3.0), 0, RecordingReporter()) is None


def test_depth_counts_from_how_the_body_lies(scene: Scene) -> None:
    turn, shift = upright(scene)
    turn, shift = turn[:1].clone(), shift[:1]
    turn[:, scene.wing] = 0
    view = View.still(scene.reference, CAMERA.world_to_camera())
    means = scene.animated.perform(scene.skeleton.pose(turn, shift)).means

    def price(neutral: torch.Tensor) -> float:
        cost = PoseCost(scene.animated, scene.skeleton, (view,), neutral, TRACKING, afloat=True)
        return float(cost.drift(means, cost.rest, torch.zeros(1, dtype=torch.long)).mean())

    assert price(turn) < 1e-6 < 1e-3 < price(0 * turn)


def test_a_body_that_leans_from_where_it_rests_has_moved(scene: Scene) -> None:
    bound = scene.animated.bound
    means, normals = turned_rest(bound, torch.tensor([0.0, 0.5, 0.0]))
    assert torch.equal(means, bound.means) and torch.equal(normals, bound.normals)
    means, normals = turned_rest(bound, torch.tensor([0.0, 1.5, 0.0]))
    assert (means - bound.means).norm(dim=-1).mean() > 0.1 and torch.allclose(means.mean(0), bound.means.mean(0), atol=1e-5)
    assert torch.allclose(normals.norm(dim=-1), bound.normals.norm(dim=-1), atol=1e-5)
