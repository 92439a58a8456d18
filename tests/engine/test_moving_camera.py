"""A camera that moves while it films, and is known: only what the object does itself is its motion."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import Job
from PIL import Image
from puppets import Studio
from scipy.spatial.transform import Rotation
from test_pipeline import CAMERA as START
from test_pipeline import FRAMES, Shoot
from test_tracking import BEND, CAMERA, KNOWN, SEARCH, SIZE, TRACKING, Show

from align4d import protocol
from align4d.alignment.track import Track
from align4d.alignment.tracking import track
from align4d.alignment.view import View
from align4d.cameras.orbit import blender_from_normalized, normalized_from_blender
from align4d.cameras.path import moves, sampled
from align4d.inputs.video import Clip
from align4d.job.reporting import RecordingReporter
from align4d.pipeline import artist
from align4d.pipeline.camera_moves import camera_moves
from align4d.protocol import CameraSpec, as_matrix

PATH = tuple(CAMERA.moved(azimuth=8.0 * frame, elevation=3.0 * frame, yaw=-1.0 * frame) for frame in range(4))


def test_between_two_poses_a_camera_turns_and_goes_on() -> None:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, :3, :3] = Rotation.from_euler("z", [[0.0], [20.0], [20.0]], degrees=True).as_matrix()
    poses[:, 0, 3] = 0.0, 2.0, 2.0
    found = sampled(poses, np.array([-1.0, 0.5, 1.0, 7.0]))
    np.testing.assert_allclose(Rotation.from_matrix(found[:, :3, :3]).as_euler("xyz", degrees=True)[:, 2], [0, 10, 20, 20], atol=1e-9)
    np.testing.assert_allclose(found[:, 0, 3], [0, 1, 2, 2])
    assert (sampled(poses[:1], np.arange(3.0)) == poses[0]).all()


def test_moves_carry_another_camera_along() -> None:
    viewmats = np.stack([one.world_to_camera() for one in PATH])
    np.testing.assert_allclose(moves(viewmats) @ viewmats[0], viewmats, atol=1e-12)


@pytest.mark.parametrize(("skipped", "pace", "places"), [(0, 1.0, [0, 1, 2]), (1, 1.0, [1, 2, 3]), (0, 1.5, [0, 1.5, 3])])
def test_a_path_counts_frames_of_the_video_as_players_do(skipped: int, pace: float, places: list[float], shoot: Shoot) -> None:
    similarity = shoot.asset.similarity
    poses = [blender_from_normalized(one.world_to_camera(), similarity.center, similarity.size) for one in PATH]
    clip = Clip(np.zeros((3, 4, 4, 3), np.uint8), None, 24.0, (4, 4), skipped=skipped, pace=pace)
    spec = CameraSpec(as_matrix(poses[0]), path=tuple(as_matrix(pose) for pose in poses))
    wanted = sampled(np.stack([one.world_to_camera() for one in PATH]), np.array(places))
    np.testing.assert_allclose(camera_moves(spec, similarity, clip) @ PATH[0].world_to_camera(), wanted, atol=1e-6)


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Show:
    return Show(Job(tmp_path_factory.mktemp("show")))


def test_a_camera_that_goes_around_is_not_taken_for_motion(show: Show) -> None:
    true = show.vertices(show.bent(BEND))
    reference = Studio(CAMERA, path=PATH).reference(show.asset, true, SIZE)
    viewmats = np.stack([one.world_to_camera() for one in PATH])

    def error(view: View) -> float:
        begin = Track(*KNOWN, torch.zeros(1))
        found = track(show.animated, show.skeleton, (view,), begin, KNOWN, TRACKING, SEARCH, RecordingReporter())
        return float(np.linalg.norm(show.vertices(found) - true, axis=2).mean())

    known, still = error(View(reference, viewmats)), error(View.still(reference, viewmats[0]))
    assert known < 0.02 < 0.06 < still  # of the longest side


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Shoot:
    return Shoot(tmp_path_factory.mktemp("shoot"))


def test_a_job_with_a_path_ends_with_the_camera_s_path(shoot: Shoot, tmp_path: Path) -> None:
    """The camera that is solved is another one than the artist's, and moves as that does."""
    similarity, places = shoot.asset.similarity, [START.moved(azimuth=START.azimuth + 6 * frame) for frame in range(FRAMES)]
    names = []
    for frame, pixels in enumerate(Studio(START, path=tuple(places)).film(shoot.asset, shoot.motion)):
        names.append(str(tmp_path / f"frame_{frame}.png"))
        Image.fromarray(pixels).save(names[-1])
    elsewhere = np.eye(4)  # where the artist has put the whole path: turned a little, and beside
    elsewhere[:3, :3], elsewhere[:3, 3] = Rotation.from_euler("z", 5, degrees=True).as_matrix(), (0.1, -0.15, 0.05)
    path = tuple(as_matrix(elsewhere @ blender_from_normalized(one.world_to_camera(), similarity.center, similarity.size)) for one in places)
    folder = shoot.job(tmp_path / "job")
    request = protocol.read_request(folder)
    camera = dataclasses.replace(request.camera, matrix_world=path[0], path=path)
    video = dataclasses.replace(request.video, images=tuple(names))
    protocol.write_json(folder / "request.json", dataclasses.replace(request, camera=camera, video=video, gaussians=False))
    result = artist.run(folder, RecordingReporter())
    assert len(result.camera.path) == FRAMES
    np.testing.assert_allclose(result.camera.path[0], result.camera.matrix_world, atol=1e-9)
    given, found = (
        np.stack([normalized_from_blender(np.array(one), similarity.center, similarity.size) for one in rows]) for rows in (path, result.camera.path)
    )
    np.testing.assert_allclose(moves(found), moves(given), atol=1e-5)
    assert np.abs(found[0] - given[0]).max() > 0.01
    motion = protocol.read_pc2(folder / result.objects[0].motion)
    true, rest = similarity.invert(shoot.motion), similarity.invert(shoot.asset.vertices)
    assert np.linalg.norm(motion - true, axis=2).sum() < 0.9 * np.linalg.norm(rest - true, axis=2).sum()
