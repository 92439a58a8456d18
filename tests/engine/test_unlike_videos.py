"""Videos that are not the mesh: other colors and light, dark, compressed, from a phone, off the rest pose, cut, with gaps.

Each is a film of the same wave of the puppet's wing. What is found is judged against the truth, beside what the clean film gives.
"""

from __future__ import annotations

import dataclasses
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from builders import Job, mesh_arrays
from conftest import MovieWriter
from PIL import Image
from puppets import ATTRIBUTE, FOVY, TWO_PARTS, Studio, add_mesh, asset_of, bound, pattern, puppet, request_for
from scipy import ndimage

from align4d import protocol
from align4d.alignment.lighting import Lighting, to_linear, to_srgb
from align4d.alignment.pose import PoseSettings, solve_pose
from align4d.alignment.reference import make_reference
from align4d.cameras.orbit import Orbit, blender_from_normalized, intrinsics_for
from align4d.errors import EngineError
from align4d.inputs.asset import Asset, load_asset
from align4d.inputs.cuts import find_cuts, first_shot, longest_shot
from align4d.inputs.masks import find_masks
from align4d.inputs.pictures import on_white
from align4d.inputs.video import Clip, load_clip
from align4d.job.reporting import RecordingReporter
from align4d.motion.parts import find_parts
from align4d.motion.skeleton import build_skeleton
from align4d.motion.skinning import skin_points
from align4d.motion.surface_graph import build_surface_graph
from align4d.pipeline import artist
from align4d.protocol import VideoSpec

CAMERA = Orbit(20.0, 12.0, 2.4)
FRAMES = 6
WAVE = np.linspace(0.0, 0.8, FRAMES)
"""How far the wing is turned [rad]."""
# The bounds below leave some room above what is missed today.
SETTINGS: dict[str, object] = {
    "parts.compact_size": TWO_PARTS.compact_size,
    "parts.compact_ratio": TWO_PARTS.compact_ratio,
    "gaussians.count": 1500,
    "gaussians.fit_iterations": 30,
    "gaussians.fit_views": 6,
    "gaussians.fit_size": 80,
    "pose.resolution": 96,
    "pose.grid": 3,
    "pose.candidates": 1,
    "pose.iterations": 12,
    "tracking.resolution": 80,
    "tracking.iterations": 25,
    "tracking.polishing": 4,
    "tracking.bend": 1e-4,
    "refinement.resolution": 80,
    "refinement.iterations": 8,
    "refinement.hexplane.resolution": 8,
}


class Stage:
    """The puppet, its true motion, and the engine at work on films of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asset = asset_of(Job(folder / "original"), puppet())
        surface = build_surface_graph(self.asset.vertices, self.asset.triangles)
        parts = find_parts(surface, TWO_PARTS)
        self.skeleton = build_skeleton(surface, parts)
        self.skin = skin_points(surface, parts, self.asset.vertices, "cpu")
        self.clean = folder / "clean"
        self.clean_result = self.run(self.clean, self.images(folder, self.film()))
        self.clean_motion = self.motion
        self.gaussians = bound(self.asset, 1500, 30)

    def clean_missed(self, frames: slice | list[int] = slice(None)) -> float:
        """See `missed`, of the clean film."""
        return missed(self.clean_motion, self.waving(), frames)

    def waving(self, wave: np.ndarray = WAVE, sideways: np.ndarray | None = None) -> np.ndarray:
        """(T, V, 3) vertices, normalized: the wing turned, all of it moved to the right in the picture."""
        turn, shift = torch.zeros(len(wave), 2, 3), torch.zeros(len(wave), 2, 3)
        turn[:, 1 - self.skeleton.root, 1] = torch.from_numpy(wave).float()
        moved = self.skin.move(self.skeleton.pose(turn, shift), torch.from_numpy(self.asset.vertices)).numpy()
        right = CAMERA.world_to_camera()[0, :3]
        return moved if sideways is None else (moved + sideways[:, None, None] * right).astype(np.float32)

    def film(self, wave: np.ndarray = WAVE, camera: Orbit = CAMERA, asset: Asset | None = None, **studio: Lighting) -> np.ndarray:
        """(T, H, W, 4) uint8."""
        return Studio(camera, **studio).film(asset or self.asset, self.waving(wave))

    def images(self, folder: Path, frames: np.ndarray) -> VideoSpec:
        """The frames as files."""
        names = [str(folder / f"frame_{index}.png") for index in range(len(frames))]
        for name, pixels in zip(names, frames, strict=True):
            Image.fromarray(pixels).save(name)
        return VideoSpec(images=tuple(names), fps=24.0)

    def run(self, folder: Path, video: VideoSpec) -> protocol.Result:
        """The whole engine, from a camera that is off; the mesh's Gaussians, the same for all, are made once."""
        job = Job(folder)
        add_mesh(job, puppet())
        start = CAMERA.moved(azimuth=12.0, elevation=18.0, distance=2.0)
        matrix = blender_from_normalized(start.world_to_camera(), self.asset.similarity.center, self.asset.similarity.size)
        request = dataclasses.replace(request_for(job, (), SETTINGS, matrix), video=video)
        protocol.write_json(folder / "request.json", request)
        if folder != self.clean:
            shutil.copytree(self.clean / "work", folder / "work", ignore=shutil.ignore_patterns("camera*", "tracking*"))
        result = artist.run(folder, RecordingReporter())
        self.motion = self.asset.similarity.apply(protocol.read_pc2(folder / result.objects[0].motion))
        assert np.isfinite(self.motion).all()
        return result

    def missed(self, result: protocol.Result, true: np.ndarray, frames: slice | list[int] = slice(None)) -> float:
        """Of the motion last found, see `missed`."""
        assert result.frames == len(true)
        return missed(self.motion, true, frames)


def missed(found: np.ndarray, true: np.ndarray, frames: slice | list[int]) -> float:
    """What the motion `found` misses of the true one in some frames, as a part of the latter: 1 where nothing moves.

    The first frame found is the rest pose.
    """
    still = np.linalg.norm(found[0] - true, axis=2)[frames].sum()
    return float(np.linalg.norm(found - true, axis=2)[frames].sum() / still)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage"))


SIDELIGHT = torch.tensor(
    [[0.62, 0.58, 0.5], [-0.3, -0.28, -0.2], [-0.25, -0.2, -0.2], [0.25, 0.27, 0.3], *[[0.0] * 3] * 5, [0.03] * 3, *[[0.0] * 3] * 3]
)
"""Warm light from the upper left, and a little haze: (13, 3)."""


def repainted(asset: Asset, folder: Path) -> Asset:
    """The same mesh as another made it: paler, colder, and with stripes that the asset's textures lack."""
    vertices, triangles = puppet()
    corners = vertices[triangles]
    colors = np.ones((len(triangles), 3, 4), np.float32)
    colors[..., :3] = 0.2 + 0.65 * pattern(corners) * [0.8, 0.9, 1.1] + 0.05 * np.sign(np.sin(40 * corners[..., 2:]))
    job = Job(folder)
    job.add(mesh_arrays(vertices, triangles, corner_color=colors.clip(0, 1)), materials=ATTRIBUTE)
    return load_asset(job.request(), folder)


def darker(frames: np.ndarray) -> np.ndarray:
    """(T, H, W, 3) uint8 at half the exposure, the white background too."""
    linear = to_linear(torch.from_numpy(on_white(frames)).float() / 255)
    return (255 * to_srgb(0.5 * linear)).round().numpy().astype(np.uint8)


def test_the_clean_film(stage: Stage) -> None:
    assert stage.clean_missed() < 0.5
    assert protocol.read_result(stage.clean).notes == ()


def test_other_colors_and_another_light(stage: Stage, tmp_path: Path) -> None:
    other = repainted(stage.asset, tmp_path / "other")
    film = stage.film(asset=other, lighting=Lighting(SIDELIGHT))
    assert np.abs(film[0].astype(int) - stage.film()[0])[film[0, ..., 3] == 255].mean() > 20  # it does look different
    result = stage.run(tmp_path / "job", stage.images(tmp_path, film))
    assert stage.missed(result, stage.waving()) < stage.clean_missed() + 0.15 and result.notes == ()


def test_half_the_exposure_at_thirty_frames_a_second(stage: Stage, tmp_path: Path, write_movie: MovieWriter) -> None:
    path = write_movie(darker(stage.film()), rate=30, crf="12")
    result = stage.run(tmp_path / "job", VideoSpec(path=str(path)))
    assert stage.missed(result, stage.waving()) < stage.clean_missed() + 0.1
    assert result.fps == 30 and result.notes == ()


def test_strong_compression(stage: Stage, tmp_path: Path, write_movie: MovieWriter) -> None:
    film = on_white(stage.film())
    path = write_movie(film, rate=30, crf="38")
    assert np.abs(load_clip(VideoSpec(path=str(path))).frames.astype(int) - film).max() > 60  # it does hurt
    result = stage.run(tmp_path / "job", VideoSpec(path=str(path)))
    assert stage.missed(result, stage.waving()) < stage.clean_missed() + 0.4 and result.notes == ()


def test_a_first_frame_off_the_rest_pose(stage: Stage, tmp_path: Path) -> None:
    wave = WAVE + 0.1
    result = stage.run(tmp_path / "job", stage.images(tmp_path, stage.film(wave)))
    shown = slice(1, None)
    assert stage.missed(result, stage.waving(wave), shown) < stage.clean_missed(shown) + 0.35
    np.testing.assert_allclose(stage.motion[0], stage.asset.vertices, atol=1e-5)  # the artist's own shape all the same


def test_the_longest_piece_without_a_cut_is_animated(stage: Stage, tmp_path: Path) -> None:
    first, second = stage.film(), stage.film(camera=CAMERA.moved(azimuth=-50.0, yaw=6.0))
    result = stage.run(tmp_path / "job", stage.images(tmp_path, np.concatenate([first[:4], second[4:]])))
    before = slice(0, 4)
    assert stage.missed(result, stage.waving(WAVE[before])) < stage.clean_missed(before) + 0.4
    assert len(result.notes) == 1 and "cuts at frame 5 of 6" in result.notes[0] and "frames 1 to 4, the longest piece" in result.notes[0]


def test_a_piece_that_begins_late_knows_what_comes_before_it(stage: Stage) -> None:
    first, second = stage.film(), stage.film(camera=CAMERA.moved(azimuth=-50.0, yaw=6.0))
    clip = dataclasses.replace(clip_of(np.concatenate([first[:2], second])), skipped=1, pace=2.0)
    found = find_masks(clip)
    found.touches_border[4] = True
    shot, masks, notes = longest_shot(clip, found)
    np.testing.assert_array_equal(shot.frames, clip.frames[2:])
    assert shot.skipped == 5 and "cuts at frame 3 of 8" in notes[0] and "frames 3 to 8" in notes[0]
    np.testing.assert_array_equal(masks.alpha, found.alpha[2:])
    assert len(masks.notes) == 1 and "1 of 6 frames (3)" in masks.notes[0]


def test_with_a_box_the_piece_that_begins_with_it_is_taken() -> None:
    chance = np.random.default_rng(0)
    rooms = [ndimage.gaussian_filter(chance.uniform(0, 255, (48, 64, 3)), (4, 4, 0)) for _ in range(2)]
    rooms = [255 * (room - room.min()) / np.ptp(room) for room in rooms]
    frames = np.stack([np.roll(rooms[frame >= 3], frame, axis=1) for frame in range(8)]).astype(np.uint8)
    clip = Clip(frames, None, 24.0, (64, 48))
    shot, notes = first_shot(clip)
    assert len(shot.frames) == 3 and "frames 1 to 3, the first piece" in notes[0]
    whole, none = first_shot(clip.part(slice(3, 8)))
    assert len(whole.frames) == 5 and none == ()


def test_the_object_leaves_and_comes_back(stage: Stage, tmp_path: Path) -> None:
    sideways = np.array([0.0, 0.05, 0.12, 3.0, 3.0, 0.12, 0.05])
    true = stage.waving(np.linspace(0.0, 0.5, 7), sideways)
    frames = Studio(CAMERA.moved(yaw=-12.0)).film(stage.asset, true)
    result = stage.run(tmp_path / "job", stage.images(tmp_path, frames))
    assert stage.missed(result, true, [1, 2, 5, 6]) < 0.65
    gone, cut = result.notes
    assert "not to be seen in 2 of 7 frames (4 to 5)" in gone and "cut by the border of the video in 2 of 7 frames (3, 6)" in cut


def clip_of(frames: np.ndarray) -> Clip:
    """Frames (T, H, W, 4) on white, with their alpha."""
    return Clip(on_white(frames), frames[..., 3], 24.0, (frames.shape[2], frames.shape[1]))


def cuts(frames: np.ndarray) -> list[int]:
    clip = clip_of(frames)
    return find_cuts(clip, find_masks(clip))


def test_a_cut_is_a_change_that_stands_alone(stage: Stage) -> None:
    slow, other = stage.film(), stage.film(camera=CAMERA.moved(azimuth=-50.0, yaw=6.0))
    assert cuts(np.concatenate([slow[:3], other[3:]])) == [3]
    assert cuts(np.concatenate([slow, other, slow])) == [6, 12]
    quick = stage.film(np.linspace(0, 3.0, FRAMES))
    threes = np.repeat(stage.film(np.linspace(0, 2.4, 4)), 3, axis=0)
    flash = slow.copy()
    flash[3, ..., :3] = 255 - flash[3, ..., :3]
    gone = slow.copy()
    gone[2:4] = 0
    gone[4:] = other[4:]
    for film in (slow, quick, threes, flash, gone, np.concatenate([slow[:1], other[:1]])):
        assert cuts(film) == []
    assert longest_shot(clip_of(slow), find_masks(clip_of(slow)))[2] == ()


def test_a_first_frame_without_the_object_is_refused(stage: Stage, tmp_path: Path) -> None:
    film = stage.film()
    film[:2] = 0
    with pytest.raises(EngineError) as caught:
        stage.run(tmp_path / "job", stage.images(tmp_path, film))
    assert caught.value.code == "first_frame_empty" and "2 frames later" in caught.value.advice


@pytest.mark.parametrize("background", [(40, 170, 60), (20, 20, 24)])
def test_no_rim_of_the_background_is_left(stage: Stage, background: tuple[int, int, int]) -> None:
    film = stage.film()[:2]
    share = film[..., 3:].astype(np.float32) / 255
    before = (film[..., :3] * share + (1 - share) * np.array(background)).round().astype(np.uint8)
    keyed = Clip(before, None, 24.0, (160, 120))
    plain = clip_of(film)
    got, wanted = (make_reference(clip, find_masks(clip), FOVY, 96) for clip in (keyed, plain))
    edge = (wanted.alpha > 0.02) & (wanted.alpha < 0.98)
    error = (got.color - wanted.color).abs().mean(1, keepdim=True)[edge]
    assert error.mean() < 0.05


def test_nothing_outside_of_the_frame_is_taken_for_seen(stage: Stage) -> None:
    """Where the border cuts the object the crop ends; a camera is found from a crop with space around the object."""
    frames = Studio(CAMERA.moved(yaw=-12.0)).film(stage.asset, stage.waving(np.zeros(2), np.array([0.0, 0.25])))
    clip = clip_of(frames)
    masks = find_masks(clip)
    assert masks.touches_border.tolist() == [False, True]
    reference = make_reference(clip, masks, FOVY, 64)
    assert reference.alpha[1, 0, :, -1].max() > 0.9  # it goes on beyond the crop
    full = intrinsics_for(FOVY, 160, 120)
    scale = reference.intrinsics[0, 0] / full[0, 0]
    right = full[0, 2] + (64 - reference.intrinsics[0, 2]) / scale
    assert right == pytest.approx(160.0)
    whole = make_reference(clip, masks, FOVY, 64, slice(1, 2), whole=True)
    assert whole.alpha[0, 0, :, -1].max() == 0


@pytest.mark.parametrize(("stored", "rotation", "pixel_aspect"), [((1080, 1920), 0, 1), ((1920, 1080), -90, 1), ((540, 1920), 0, 2)])
def test_a_phone_s_portrait_in_full_hd(stage: Stage, tmp_path: Path, stored: tuple[int, int], rotation: int, pixel_aspect: int) -> None:
    """1080 x 1920 as it is shown, however it is stored: the field of view spans its height, and the camera comes out right."""
    camera = CAMERA.moved(distance=3.2)
    frame = on_white(Studio(camera, (240, 135)).picture(stage.asset, stage.asset.vertices)[None])[0]
    shown = Image.fromarray(frame).resize((1080 // pixel_aspect, 1920), Image.Resampling.BICUBIC)
    pixels = np.rot90(np.asarray(shown), round(-rotation / 90))
    assert pixels.shape[1::-1] == stored
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *stored, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(pixel_aspect, 1)
        if rotation:
            stream.set_display_rotation(rotation)
        for _ in range(2):
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        movie.mux(stream.encode())
    clip = load_clip(VideoSpec(path=str(path)), 512)
    assert clip.full_size == (1080, 1920) and clip.frames.shape == (2, 512, 288, 3) and clip.fps == 30
    reference = make_reference(clip, find_masks(clip), FOVY, 96, slice(0, 1), whole=True)
    assert reference.intrinsics[0, 0] == reference.intrinsics[1, 1]
    settings = PoseSettings(resolution=96, grid=3, candidates=1, iterations=8)
    start = camera.moved(azimuth=14.0, elevation=16.0, distance=2.5)
    solved = solve_pose(stage.asset, stage.gaussians, reference, start, True, settings, "cpu", RecordingReporter()).camera
    assert abs(solved.azimuth - camera.azimuth) < 3 and abs(solved.elevation - camera.elevation) < 3
    assert solved.distance == pytest.approx(camera.distance, rel=0.03)
