"""A camera that slides while it turns is told from a body that moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from test_first_pose import CAMERA, Scene

from align4d.alignment.sliding_camera import slide, unslid
from align4d.alignment.track import Track

FRAMES = 5
DISTANCE = 2.2


def turning(degrees: float) -> np.ndarray:
    """(T, 3, 3) of a camera that turns to the right evenly, in the end by so much."""
    return Rotation.from_euler("y", -np.linspace(0, degrees, FRAMES)[:, None], degrees=True).as_matrix()


def going(right: float) -> np.ndarray:
    """(T, 3) of a body before the camera that goes evenly to the right, in the end so far."""
    places = np.tile([0.1, 0.0, DISTANCE], (FRAMES, 1))
    places[:, 0] += np.linspace(0, right, FRAMES)
    return places


def test_what_goes_against_the_turn_is_the_camera_s() -> None:
    found = slide(turning(4.0), going(-0.06))
    assert found is not None
    np.testing.assert_allclose(found[:, 0], np.linspace(0, 0.06, FRAMES), atol=1e-3)
    np.testing.assert_allclose(found[:, 1:], 0, atol=1e-9)


def test_what_the_body_does_itself_is_not() -> None:
    assert slide(turning(4.0), going(0.06)) is None, "the camera follows the body"
    assert slide(turning(0.4), going(-0.01)) is None, "the shake of a hand"
    assert slide(turning(4.0), going(-0.3)) is None, "it goes much farther than the turn"
    swaying = going(-0.02)
    swaying[:, 0] += 0.05 * np.sin(np.linspace(0, 2 * np.pi, FRAMES))
    assert slide(turning(4.0), swaying) is None, "it hardly goes as the turn does"
    jumping = going(-0.06)
    jumping[2, 1] -= 0.2
    assert slide(turning(4.0), jumping) is not None, "up and down is its own affair"


def test_the_picture_stays_as_it_is(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    start, moves = CAMERA.world_to_camera(), np.tile(np.eye(4), (FRAMES, 1, 1))
    moves[:, :3, :3] = turning(4.0)
    turn, shift = scene.bent([0.0] * FRAMES)
    shift[:, scene.skeleton.root] = torch.from_numpy(np.linspace(0, -0.05, FRAMES)[:, None] * start[0, :3]).float()
    before = Track(turn, shift, torch.zeros(FRAMES))
    found = unslid(scene.animated, scene.skeleton, before, start, moves)
    assert found is not None
    after, slid_moves, by = found
    seen = [
        scene.vertices(track.turn, track.shift) @ (move @ start)[:, :3, :3].swapaxes(1, 2) + (move @ start)[:, None, :3, 3]
        for track, move in ((before, moves), (after, slid_moves))
    ]
    np.testing.assert_allclose(seen[1], seen[0], atol=1e-5)
    assert abs(by - 0.05) < 2e-3 and after.shift.abs().max() < 2e-3
