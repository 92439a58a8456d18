"""A second clip of the same motion: brought into step, its camera found, and depth seen that the first one leaves open."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import Job
from PIL import Image
from puppets import FOVY, Studio
from test_pipeline import CAMERA as START
from test_pipeline import FRAMES, Shoot
from test_tracking import CAMERA, KNOWN, REFINEMENT, SEARCH, SIZE, STILL, TRACKING, Show

from align4d import protocol
from align4d.alignment.in_step import Outlines, find_offset, frames_at, outlines_of, together
from align4d.alignment.lighting import Lighting, unlit
from align4d.alignment.refinement import refine
from align4d.alignment.track import Track
from align4d.alignment.tracking import track
from align4d.alignment.view import View, open_depth
from align4d.cameras.orbit import blender_from_normalized
from align4d.errors import EngineError
from align4d.job.reporting import RecordingReporter
from align4d.pipeline import artist
from align4d.protocol import CameraSpec, VideoSpec, ViewSpec, as_matrix

SIDE = CAMERA.moved(azimuth=80.0)
SWING = [0.0, 14.0, 28.0, 40.0]


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Show:
    return Show(Job(tmp_path_factory.mktemp("show")))


def swung(show: Show) -> Track:
    """The wing turned about the vertical: away from the first camera."""
    poses = show.bent([0.0] * len(SWING))
    poses.turn[:, show.wing, 2] = torch.deg2rad(torch.tensor(SWING))
    return poses


@pytest.fixture(scope="module")
def views(show: Show) -> tuple[View, View]:
    """From the front and from the side, where another light shines."""
    truth = show.vertices(swung(show))
    bluish = unlit().coefficients * torch.tensor([0.7, 0.8, 1.0])
    seen = [Studio(camera, lighting=light).reference(show.asset, truth, SIZE) for camera, light in ((CAMERA, unlit()), (SIDE, Lighting(bluish)))]
    return View.still(seen[0], CAMERA.world_to_camera()), dataclasses.replace(View.still(seen[1], SIDE.world_to_camera()), lighting=Lighting(bluish))


def depth_error(show: Show, vertices: np.ndarray) -> float:
    """Along the first camera's line of sight, over that of the puppet at rest."""
    true = show.vertices(swung(show))[..., 1]
    return float(np.abs(vertices[..., 1] - true).mean() / np.abs(show.asset.vertices[:, 1] - true).mean())


@pytest.fixture(scope="module")
def tracked(show: Show, views: tuple[View, View]) -> dict[int, Track]:
    """By how many clips."""
    begin = Track(*KNOWN, torch.zeros(1))
    return {count: track(show.animated, show.skeleton, views[:count], begin, KNOWN, TRACKING, SEARCH, RecordingReporter()) for count in (1, 2)}


def test_the_side_shows_the_depth_that_the_front_leaves_open(show: Show, tracked: dict[int, Track]) -> None:
    alone, both = (depth_error(show, show.vertices(tracked[count])) for count in (1, 2))
    assert both < 0.3 and both < 0.5 * alone


def test_refinement_goes_by_both(show: Show, views: tuple[View, View], tracked: dict[int, Track]) -> None:
    settings = dataclasses.replace(REFINEMENT, iterations=10)
    done = refine(show.animated, show.skeleton, views, tracked[1], 0, STILL, TRACKING, settings, 0, RecordingReporter())
    found = show.vertex_skin.move(done.motion, show.rest).detach().numpy()
    assert depth_error(show, found) < 0.7 * depth_error(show, show.vertices(tracked[1]))


def test_a_clip_from_the_same_side_leaves_all_depth_open(views: tuple[View, View]) -> None:
    front, side = views
    np.testing.assert_allclose(open_depth((front,)), 1)
    np.testing.assert_allclose(open_depth((front, front)), 1, atol=1e-6)
    np.testing.assert_allclose(open_depth((front, side)), np.cos(np.radians(80)) ** 2, atol=1e-6)
    blind = dataclasses.replace(side, reference=dataclasses.replace(side.reference, usable=np.array([True, False, True, True])))
    assert open_depth((front, blind))[1] == 1


def test_frames_of_another_rate_and_beginning_show_the_same_moment() -> None:
    index, there = frames_at(np.arange(5) / 24, np.arange(4) / 30 + 1 / 24)
    assert index.tolist() == [0, 0, 1, 2, 3] and there.tolist() == [False, True, True, True, False]


def test_the_offset_is_where_both_rise_and_fall() -> None:
    """A bar that grows and shrinks, seen larger, wider, elsewhere, and later."""
    opening = np.array([3, 5, 9, 14, 20, 16, 9, 4, 3, 6, 11, 17])

    def film(frames: range, size: int, shift: int) -> Outlines:
        masks = np.zeros((len(frames), 96, 96), np.float32)
        for mask, frame in zip(masks, frames, strict=True):
            mask[90 - shift - opening[frame] * size : 90 - shift, shift : shift + (10 + frame) * size] = 1
        return outlines_of(masks)

    first, second = film(range(9), 1, 10), film(range(4, 12), 2, 30)
    assert find_offset(first, np.arange(9) / 24, second, np.arange(8) / 24) == pytest.approx(4 / 24)
    assert find_offset(second, np.arange(8) / 24, first, np.arange(9) / 24) == pytest.approx(-4 / 24)
    assert find_offset(first, np.arange(9) / 24, outlines_of(np.zeros((8, 96, 96), np.float32)), np.arange(8) / 24) is None
    assert find_offset(first, np.arange(9) / 24, outlines_of(np.ones((8, 96, 96), np.float32)), np.arange(8) / 24) is None  # nothing moves
    assert find_offset(first, np.arange(9) / 24, second, np.arange(8) / 24, told=4.2 / 24) == 4.2 / 24  # about as alike there
    assert find_offset(first, np.arange(9) / 24, second, np.arange(8) / 24, told=-2 / 24) == pytest.approx(4 / 24)  # a pose that came again
    assert (
        find_offset(first, np.arange(9) / 24, outlines_of(np.ones((8, 96, 96), np.float32)), np.arange(8) / 24, told=2 / 24) == 2 / 24
    )  # nothing contradicts it
    half = Outlines(*(np.stack([np.interp(np.arange(8) + 0.5, np.arange(9), column) for column in one.T], 1) for one in vars(first).values()))
    assert find_offset(first, np.arange(9) / 24, half, np.arange(8) / 24) == pytest.approx(0.5 / 24)


def test_clips_that_begin_and_end_together() -> None:
    times = np.arange(24) / 24
    assert together(times, np.arange(30) / 30) and together(times, times + 1 / 24)
    assert not together(times, times + 5 / 24) and not together(times, times[:12]) and not together(times, times + 2)


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Shoot:
    return Shoot(tmp_path_factory.mktemp("shoot"))


def with_side(shoot: Shoot, folder: Path, frames: slice, **changes: object) -> protocol.Request:
    """A job with a clip from the side, of these frames of the motion, whose camera is only roughly known."""
    folder.mkdir()
    camera, names = START.moved(azimuth=START.azimuth + 80), []
    for frame, pixels in enumerate(Studio(camera).film(shoot.asset, shoot.motion[frames])):
        names.append(str(folder / f"side_{frame}.png"))
        Image.fromarray(pixels).save(names[-1])
    similarity = shoot.asset.similarity
    matrix = blender_from_normalized(camera.moved(azimuth=camera.azimuth + 6).world_to_camera(), similarity.center, similarity.size)
    spec = ViewSpec(VideoSpec(images=tuple(names), fps=24.0), CameraSpec(as_matrix(matrix), FOVY), **changes)  # type: ignore[arg-type]
    job = shoot.job(folder / "job")
    request = dataclasses.replace(protocol.read_request(job), views=(spec,), gaussians=False)
    protocol.write_json(job / "request.json", request)
    assert protocol.read_request(job) == request
    return request


def test_a_job_with_two_clips_is_corrected_with_both(shoot: Shoot, tmp_path: Path) -> None:
    """Begun later, its offset looked for; broken off and gone on with, nothing is made twice; the hand finds both clips again."""
    with_side(shoot, tmp_path / "two", slice(1, FRAMES))
    folder, report = tmp_path / "two" / "job", RecordingReporter()
    result = artist.run(folder, report)
    note = next(note for note in result.notes if "side_0.png begins" in note)
    assert "azimuth 10" in note or "azimuth 9" in note, note  # of 100 degrees
    solved = protocol.read_arrays(folder / protocol.SOLVED)
    assert solved["view_1.pictures"].shape == solved["pictures"].shape and "view_1.view_light" in solved
    again = artist.run(folder, RecordingReporter())
    assert again.notes == result.notes
    positions = protocol.read_pc2(folder / result.objects[0].motion)[2]
    protocol.write_correction(folder, tmp_path / "hand", "hand", {2: positions + 0.01})
    assert artist.run(tmp_path / "hand", RecordingReporter()).frames == FRAMES


def test_the_frame_that_shows_the_known_pose_tells_when_a_clip_begins(shoot: Shoot, tmp_path: Path) -> None:
    """Seen from the side the pose is told apart from those around it; nothing has to be tracked where both clips begin together."""
    request = with_side(shoot, tmp_path / "same", slice(0, FRAMES))
    folder = tmp_path / "same" / "job"
    result = artist.run(folder, RecordingReporter())
    assert any("side_0.png begins 0.00 s after" in note for note in result.notes)
    assert not (folder / "work" / "tracking_alone.npz").exists()
    (clip,) = request.views
    turned = dataclasses.replace(clip.video, images=clip.video.images[::-1])
    protocol.write_json(folder / "request.json", dataclasses.replace(request, views=(dataclasses.replace(clip, video=turned),)))
    result = artist.run(folder, RecordingReporter())
    assert any(f"side_{FRAMES - 1}.png begins {(FRAMES - 1) / 24:.2f} s before" in note for note in result.notes)


def test_a_clip_of_another_moment_is_refused(shoot: Shoot, tmp_path: Path) -> None:
    with_side(shoot, tmp_path / "later", slice(1, FRAMES), offset=1.0, find_offset=False)
    with pytest.raises(EngineError, match=r"side_0\.png shows no moment"):
        artist.run(tmp_path / "later" / "job", RecordingReporter())


def test_the_preset_paper_says_that_it_goes_by_one_clip(shoot: Shoot, tmp_path: Path) -> None:
    request = with_side(shoot, tmp_path / "paper", slice(0, FRAMES))
    job = artist.Job(tmp_path / "paper" / "job", request, RecordingReporter())
    job.read_inputs()
    assert any("goes by one clip" in note for note in job.notes)
