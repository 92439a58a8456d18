"""Where a body stands in depth: camera and body that are moved alike show the same picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_first_pose import CAMERA, SIZE, TRACKING, Scene

from align4d.alignment.frame_step import FrameStep
from align4d.alignment.standing_place import away, moved_body, moved_camera
from align4d.alignment.view import View
from align4d.cameras.orbit import Orbit
from align4d.rendering import Cameras


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("standing"))


def axis_of(camera: Orbit) -> np.ndarray:
    return camera.world_to_camera()[2, :3]


def test_a_world_that_is_moved_looks_the_same(scene: Scene) -> None:
    turn, shift = scene.bent([50.0])
    by = np.array([0.2, -0.1, 0.05])

    def picture(camera: Orbit, shift: torch.Tensor) -> torch.Tensor:
        cameras: Cameras = scene.reference.cameras(camera.world_to_camera())
        return scene.animated.render(scene.animated.perform(scene.skeleton.pose(turn, shift)), cameras, (SIZE, SIZE)).color

    here, there = picture(CAMERA, shift), picture(moved_camera(CAMERA, by), moved_body(scene.skeleton, shift, by))
    assert (here - there).abs().max() < 1e-3 < (here - picture(CAMERA, moved_body(scene.skeleton, shift, by))).abs().max()


def test_how_far_a_body_is_away_is_told_in_the_mean(scene: Scene) -> None:
    turn, shift = scene.bent([0.0, 0.0])
    axis = axis_of(CAMERA)
    shift[1] = moved_body(scene.skeleton, shift[1:], 0.3 * axis + 0.2 * np.cross(axis, [0, 0, 1.0]))[0]
    np.testing.assert_allclose(away(scene.animated, scene.skeleton, turn, shift, axis), 0.15 * axis, atol=1e-5)


def test_the_trunk_of_a_rigged_body_tells_where_it_stands_unless_the_body_lies_otherwise(scene: Scene) -> None:
    """A wing that swings towards the camera takes the surface along in the mean, and the trunk stays."""
    turn, shift = scene.bent([50.0])
    axis, root = axis_of(CAMERA), scene.skeleton.root
    rigged = replace(scene.skeleton, trunk=(root, scene.skeleton.joint[root]))
    assert np.linalg.norm(away(scene.animated, scene.skeleton, turn, shift, axis)) > 0.005
    np.testing.assert_allclose(away(scene.animated, rigged, turn, shift, axis), 0, atol=1e-6)
    farther = moved_body(rigged, shift, 0.2 * axis)
    np.testing.assert_allclose(away(scene.animated, rigged, turn, farther, axis), 0.2 * axis, atol=1e-5)
    turn[:, root, 0] = 1.5
    np.testing.assert_allclose(away(scene.animated, rigged, turn, shift, axis), away(scene.animated, scene.skeleton, turn, shift, axis), atol=1e-6)


def test_a_pose_that_floats_pays_for_limbs_that_move_in_depth_but_not_for_where_the_body_is(scene: Scene) -> None:
    view = View.still(scene.reference, CAMERA.world_to_camera())
    turn, shift = scene.bent([50.0])
    farther = moved_body(scene.skeleton, shift, 0.05 * axis_of(CAMERA))
    costs = {}
    for afloat in (False, True):
        step = FrameStep(scene.animated, scene.skeleton, (view,), torch.zeros_like(turn), TRACKING, afloat)
        motions = [scene.skeleton.pose(*pose) for pose in ((0 * turn, shift), (turn, shift), (turn, farther))]
        costs[afloat] = [float(step.cost.drift(scene.animated.perform(one).means, step.cost.rest, step.frame).mean()) for one in motions]
    still, bent, gone = costs[True]
    assert still == pytest.approx(0, abs=1e-9) and bent > 1e-4 and gone == pytest.approx(bent, rel=1e-3)
    assert costs[False][2] > 1.5 * costs[False][1]


def test_a_searched_pose_is_as_deep_as_the_mesh_and_its_camera_at_the_true_distance_from_it(scene: Scene) -> None:
    found = scene.find(CAMERA.moved(distance=3.0))
    axis = axis_of(found.camera)
    assert np.abs(away(scene.animated, scene.skeleton, found.turn, found.shift, axis)).max() < 0.01
    true = scene.true[found.frame].mean(0) @ axis_of(CAMERA) + CAMERA.world_to_camera()[2, 3]
    posed = scene.vertices(found.turn, found.shift)[0].mean(0) @ axis + found.camera.world_to_camera()[2, 3]
    assert posed == pytest.approx(true, rel=0.02)
