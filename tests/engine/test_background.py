"""A camera that turns, found from the background; one that does otherwise, and backgrounds that tell nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation
from test_cutout import texture
from test_pipeline import Shoot

from align4d import protocol
from align4d.cameras.orbit import intrinsics_for
from align4d.inputs.bars import Window
from align4d.inputs.cutout.camera_motion import CameraMotion, pull
from align4d.inputs.masks import Masks, judge
from align4d.inputs.video import Clip
from align4d.job.checkpoint import Checkpoint
from align4d.job.reporting import RecordingReporter
from align4d.pipeline.artist import ArtistJob
from align4d.pipeline.background import Background, background_of, followed

FOVY, HEIGHT, WIDTH = 40.0, 120, 200
SHAKE = np.array([[0.0, 0.0, 0.0], [1.5, 0.5, 0.4], [3.0, -1.0, -0.8]])
"""Degrees of yaw, pitch and roll."""


IN_A_HAND = 0.08 * SHAKE
"""So little that nobody would call it a motion of the camera."""


def filmed(bars: int = 0, shake: np.ndarray = SHAKE) -> tuple[Clip, Masks]:
    """A wall far away, before which a block stays in the middle of the picture; a shaking camera."""
    wall, focal = texture(HEIGHT, WIDTH), intrinsics_for(FOVY, WIDTH, HEIGHT)
    focal = focal - [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]
    frames, alpha = [], np.zeros((len(shake), HEIGHT, WIDTH), np.float32)
    alpha[:, 45:75, 80:120] = 1
    for turn in shake:
        # where a pixel of this frame comes from
        back = focal @ Rotation.from_euler("yxz", turn, degrees=True).as_matrix().T @ np.linalg.inv(focal)
        frames.append(np.nan_to_num(pull(wall.astype(np.float32), back, 120)))
        frames[-1][45:75, 80:120] = (220, 40, 30)
    pictures = np.pad(np.stack(frames).astype(np.uint8), ((0, 0), (bars, bars), (0, 0), (0, 0)))
    masks = judge(np.pad(alpha, ((0, 0), (bars, bars), (0, 0))), "pictures")
    window = Window(bars, HEIGHT + bars, 0, WIDTH) if bars else None
    return Clip(pictures, None, 24.0, (WIDTH, HEIGHT + 2 * bars), window=window), masks


def checkpoint(folder: Path) -> Checkpoint:
    return Checkpoint(folder, {}, lambda _: None)


@pytest.mark.parametrize("bars", [0, 20])
def test_a_shake_is_found_around_the_object(tmp_path: Path, bars: int) -> None:
    clip, masks = filmed(bars)
    # bars make the picture higher, and its field of view with it
    fovy = np.degrees(2 * np.arctan(np.tan(np.radians(FOVY) / 2) * (HEIGHT + 2 * bars) / HEIGHT))
    found = followed(clip, masks, float(fovy), checkpoint(tmp_path))
    assert found is not None and found.solved and found.shift > 5
    turns = Rotation.from_matrix(found.moves[:, :3, :3]).as_euler("yxz", degrees=True)
    np.testing.assert_allclose(turns, SHAKE, atol=0.15)
    assert found.figures()["camera_turn"] == pytest.approx(Rotation.from_euler("yxz", SHAKE[2], degrees=True).magnitude() * 57.3, abs=0.2)
    again = followed(dataclasses.replace(clip, frames=clip.frames[::-1]), masks, float(fovy), checkpoint(tmp_path))
    assert again is not None and (again.moves == found.moves).all(), "it is kept as a stage of the job"


def test_a_camera_that_goes_towards_it_is_not_taken_to_turn() -> None:
    clip, _ = filmed()
    nearer = np.stack([np.diag([scale, scale, 1.0]) for scale in (1.0, 1.05, 1.1)])
    center = np.array([[1, 0, WIDTH / 2], [0, 1, HEIGHT / 2], [0, 0, 1.0]])
    motion = CameraMotion(center @ nearer @ np.linalg.inv(center), np.ones(3))
    found = background_of(clip, FOVY, motion, (HEIGHT, WIDTH))
    assert not found.solved and found.shift > 1
    unsure = background_of(clip, FOVY, CameraMotion(np.tile(np.eye(3), (3, 1, 1)), np.array([1, 0.2, 0.2])), (HEIGHT, WIDTH))
    assert not unsure.solved
    noise = dataclasses.replace(found, motion=dataclasses.replace(motion, explained=np.array([1, 0.05, 0.05])))
    assert found.moving and not noise.moving


def test_a_shake_of_the_hand_is_a_motion_of_the_camera_and_not_of_the_object(tmp_path: Path) -> None:
    clip, masks = filmed(shake=IN_A_HAND)
    found = followed(clip, masks, FOVY, checkpoint(tmp_path))
    assert found is not None and found.shakes and not found.moving
    turns = Rotation.from_matrix(found.moves[:, :3, :3]).as_euler("yxz", degrees=True)
    np.testing.assert_allclose(turns, IN_A_HAND, atol=0.04)
    # a frame that hardly moves has nothing to explain; one that moves does
    motion = found.motion
    assert dataclasses.replace(found, motion=CameraMotion(motion.homographies[[0, 0, 2]], np.array([1, 0.1, 0.9]))).shakes
    assert not dataclasses.replace(found, motion=CameraMotion(motion.homographies, np.array([1, 0.9, 0.1]))).shakes
    still = CameraMotion(np.tile(np.eye(3), (3, 1, 1)), np.ones(3))
    assert not dataclasses.replace(found, motion=still).shakes


def test_a_plain_background_tells_nothing(tmp_path: Path) -> None:
    clip, masks = filmed()
    assert followed(clip, dataclasses.replace(masks, source="background"), FOVY, checkpoint(tmp_path)) is None


def turned(folder: Path, background: Background, **changes: object) -> ArtistJob:
    job = ArtistJob(folder, protocol.read_request(folder), RecordingReporter())
    job.moves = np.tile(np.eye(4), (3, 1, 1))
    job.turn_camera(background)
    return job


def test_the_camera_turns_where_that_is_known_and_a_note_says_what_is(tmp_path: Path) -> None:
    clip, masks = filmed()
    for name, picture in zip("abc", clip.frames, strict=True):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    folder = Shoot(tmp_path).job(tmp_path / "job")
    known = followed(clip, masks, FOVY, checkpoint(tmp_path))
    assert known is not None
    job = turned(folder, known)
    assert (job.moves == known.moves).all() and f"turns, by up to {known.figures()['camera_turn']:.1f} degrees" in job.notes[0]
    job = turned(folder, dataclasses.replace(known, motion=dataclasses.replace(known.motion, explained=np.full(3, 0.3))))
    assert (job.moves == np.eye(4)).all() and "how could not be found" in job.notes[0]
    still = dataclasses.replace(known, motion=CameraMotion(np.tile(np.eye(3), (3, 1, 1)), np.ones(3)))
    assert not turned(folder, still).notes
