"""Movies as recorders, phones, broadcasters and generators write them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from builders import moving_square
from conftest import MovieWriter
from PIL import Image

from align4d.errors import EngineError
from align4d.inputs import hdr
from align4d.inputs.bars import find_bars
from align4d.inputs.cuts import longest_shot
from align4d.inputs.masks import find_masks
from align4d.inputs.movie import Movie
from align4d.inputs.pictures import Picture, on_white
from align4d.inputs.premultiplied import is_premultiplied, straight
from align4d.inputs.video import Clip, load_clip
from align4d.protocol import VideoSpec, read_webp

SHARED = os.environ.get("ALIGN4D_ODD_INPUTS", "")
"""A folder of public clips that may not lie in this repository; tests of them are skipped without it."""


def written(
    path: Path, frames: np.ndarray, codec: str = "libx264", pixel_format: str = "yuv420p", setup: Callable[..., None] | None = None, **options: str
) -> Path:
    """A movie of (T, H, W, 3) uint8; `setup` gets its stream before the first frame."""
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream(codec, rate=24, options=options)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pixel_format
        if setup:
            setup(stream)
        for pixels in frames:
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        movie.mux(stream.encode())
    return path


def order(clip_frames: np.ndarray, frames: np.ndarray) -> list[int]:
    """Which of `frames` each frame of a clip is."""
    return [int(np.abs(shown.astype(int) - frames).mean(axis=(1, 2, 3)).argmin()) for shown in clip_frames]


def test_a_header_of_sixty_over_twenty_four_pictures(write_movie: MovieWriter) -> None:
    frames = on_white(moving_square(16))
    path = write_movie(frames, rate=60, times=[int(2.5 * i) for i in range(16)], crf="10")
    clip = load_clip(VideoSpec(path=str(path)))
    assert order(clip.frames, frames) == list(range(16))
    assert clip.fps == pytest.approx(24, rel=0.03) and clip.pace == pytest.approx(2.5, rel=0.03)
    assert len(clip.notes) == 1 and "16 pictures" in clip.notes[0]
    part = load_clip(VideoSpec(path=str(path), first=10, last=19))  # frames as players count them
    assert order(part.frames, frames) == [4, 5, 6, 7]


def test_a_clip_whose_rate_was_raised(write_movie: MovieWriter) -> None:
    frames = on_white(moving_square(12))
    path = write_movie(frames[np.repeat(np.arange(12), [1, 1, 2] * 4)], rate=32, crf="18")
    clip = load_clip(VideoSpec(path=str(path)))
    assert order(clip.frames, frames) == list(range(12)) and clip.fps == pytest.approx(24, rel=0.05)


def test_frames_that_an_edit_list_hides_are_not_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.mp4", on_white(moving_square(24)), g="8", bf="0")
    data = bytearray(path.read_bytes())
    at = data.find(b"elst") + 12  # after version, flags and the number of entries: duration [ms], start in the media
    tick = int.from_bytes(data[data.find(b"mdhd") + 16 : data.find(b"mdhd") + 20], "big") // 24
    data[at : at + 8] = int(1000 * 14 / 24).to_bytes(4, "big") + (10 * tick).to_bytes(4, "big")
    path.write_bytes(data)
    clip = load_clip(VideoSpec(path=str(path)))
    assert len(clip.frames) == 14 and clip.notes == ()


def test_a_cover_picture_is_not_the_video(tmp_path: Path) -> None:
    path, frames = tmp_path / "clip.mkv", on_white(moving_square(6))
    with av.open(str(path), "w") as movie:
        cover, stream = movie.add_stream("mjpeg"), movie.add_stream("libx264", rate=24)
        cover.width = cover.height = 64
        cover.pix_fmt, stream.pix_fmt = "yuvj420p", "yuv420p"
        stream.height, stream.width = frames.shape[1:3]
        movie.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        movie.mux(cover.encode())
        for pixels in frames:
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        movie.mux(stream.encode())
    with av.open(str(path)) as movie:
        assert movie.streams.video[0].codec_context.name == "mjpeg"
    assert len(load_clip(VideoSpec(path=str(path))).frames) == 6


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [((-1, 0, 0, 1), (0, -1)), ((1, 0, 0, -1), (-1, 0)), ((0, 1, 1, 0), (0, 0)), ((0, -1, 1, 0), (-1, 0))],
    ids=["mirrored", "upside down", "transposed", "turned"],
)
def test_a_front_camera_s_mirroring_is_applied(tmp_path: Path, matrix: tuple[int, int, int, int], corner: tuple[int, int]) -> None:
    """The matrix (a, b, c, d) takes (x, y) to (a x + c y, b x + d y), up to a shift."""
    frames = np.full((3, 48, 96, 3), 255, np.uint8)
    frames[:, :16, :16] = 0
    a, b, c, d = (one * 65536 for one in matrix)
    path = written(tmp_path / "clip.mp4", frames, setup=lambda stream: stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30]))
    clip = load_clip(VideoSpec(path=str(path)))
    assert clip.frames.shape[1:3] == ((96, 48) if matrix[0] == 0 else (48, 96))
    assert clip.frames[1][corner].max() < 60


def test_interlaced_fields_are_woven(tmp_path: Path) -> None:
    fields = np.full((24, 64, 96, 3), 255, np.uint8)
    for index in range(24):
        fields[index, 16:48, 8 + 2 * index : 32 + 2 * index] = (200, 30, 30)
    frames = fields[::2].copy()
    frames[:, 1::2] = fields[1::2, 1::2]  # the second field was taken half a frame later: combed edges
    path = written(tmp_path / "clip.mp4", frames, crf="8", flags="+ilme+ildct", **{"x264-params": "tff=1"})
    clip = load_clip(VideoSpec(path=str(path)))
    assert len(clip.frames) == 12

    def combing(pictures: np.ndarray) -> float:
        rows = pictures[2:-2, 20:44].astype(int)
        return float(np.abs(rows[:, 1:-1] - (rows[:, :-2] + rows[:, 2:]) / 2).mean())

    assert combing(clip.frames) < 0.4 * combing(frames)


@pytest.mark.parametrize("transfer", [hdr.PQ, hdr.HLG])
def test_high_dynamic_range_comes_as_screens_show_it(tmp_path: Path, transfer: int) -> None:
    """Grays of known light: a tenth and a half of white paper's, and highlights five times as bright."""
    light = np.array([0.1, 0.5, 1.0, 4.5]) * hdr.WHITE
    if transfer == hdr.PQ:
        power = (light / 10000) ** 0.1593017578125
        signal = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    else:
        scene = (light / 1000) ** (1 / 1.2)
        signal = np.where(scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log((12 * scene - 0.28466892).clip(1e-9)) + 0.55991073)
    frames = np.repeat(np.repeat(np.rint(255 * signal).astype(np.uint8), 24)[None, None, :, None], 48, 1).repeat(3, 3).repeat(3, 0)

    def tagged(stream: av.VideoStream) -> None:
        stream.codec_context.color_trc, stream.codec_context.color_primaries, stream.codec_context.colorspace = transfer, 9, 9

    shown = load_clip(VideoSpec(path=str(written(tmp_path / "clip.mkv", frames, "ffv1", "yuv420p10le", tagged)))).frames[0, 24, 12::24].mean(axis=1)
    assert shown[0] == pytest.approx(89, abs=4) and shown[1] == pytest.approx(188, abs=4)  # sRGB of 0.1 and 0.5
    assert 225 < shown[2] < shown[3] <= 255


def test_premultiplied_alpha_leaves_no_dark_rim(write_movie: MovieWriter) -> None:
    y, x = np.mgrid[:64, :96]
    cover = (1.5 - np.hypot(x - 48, y - 32) / 16).clip(0, 1)
    frames = np.zeros((3, 64, 96, 4), np.uint8)
    frames[..., :3], frames[..., 3] = (220, 200, 60), np.rint(255 * cover)
    pressed = frames.copy()
    pressed[..., :3] = np.rint(frames[..., :3] * cover[..., None])
    assert is_premultiplied(pressed[0]) is True and is_premultiplied(frames[0]) is False
    assert is_premultiplied(np.full((8, 8, 4), 255, np.uint8)) is None
    solid = cover > 0.2
    assert np.abs(straight(pressed[0])[solid].astype(int) - frames[0][solid]).max() <= 5
    for pixels in (frames, pressed):
        clip = load_clip(VideoSpec(path=str(write_movie(pixels, "clip.mov", "png", "rgba"))))
        assert np.abs(clip.frames[0].astype(int) - on_white(frames)[0]).max() <= 3


def test_an_animated_webp_keeps_its_alpha_and_its_rate(tmp_path: Path) -> None:
    frames, path = moving_square(12), tmp_path / "clip.webp"
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(path, save_all=True, append_images=images[1:], duration=83, loop=0, lossless=True)
    clip = load_clip(VideoSpec(path=str(path)))
    assert clip.frames.shape == (12, 64, 96, 3) and clip.fps == 12 and clip.notes == ()
    assert clip.alpha is not None and np.array_equal(clip.alpha, frames[..., 3])
    assert np.array_equal(load_clip(VideoSpec(path=str(path), first=3, last=6)).frames, clip.frames[3:7])
    found = read_webp(path)
    assert found is not None and (found.width, found.height, len(found.durations)) == (96, 64, 12)
    images[0].save(path)
    with pytest.raises(EngineError) as caught:
        load_clip(VideoSpec(path=str(path)))
    assert caught.value.code == "video_short" and read_webp(path) is None


def padded(frames: np.ndarray, bars: tuple[int, int], aside: tuple[int, int]) -> np.ndarray:
    return np.pad(frames, ((0, 0), bars, aside, (0, 0)))


@pytest.mark.parametrize(("bars", "aside"), [((0, 0), (40, 40)), ((12, 12), (0, 0)), ((10, 10), (20, 20))], ids=["portrait", "wide", "both"])
def test_black_bars_are_no_background(write_movie: MovieWriter, bars: tuple[int, int], aside: tuple[int, int]) -> None:
    path = write_movie(padded(on_white(moving_square(6)), bars, aside), crf="20")
    clip = load_clip(VideoSpec(path=str(path)))
    assert clip.window is not None and any("black bars" in note for note in clip.notes)
    rows, columns = clip.window.area
    assert abs(rows.start - bars[0]) <= 1 and abs(columns.start - aside[0]) <= 1
    masks = find_masks(clip)
    assert masks.source == "background" and not masks.touches_border.any()
    inside = masks.alpha[:, rows, columns]
    assert np.count_nonzero(masks.alpha) == np.count_nonzero(inside) and 0.06 < inside.mean() < 0.12


def test_an_object_on_black_has_no_bars() -> None:
    frames = np.zeros((4, 64, 96, 3), np.uint8)
    y, x = np.mgrid[:64, :96]
    frames[:, np.hypot(x - 48, y - 32) < 20] = 200
    assert find_bars(frames) is None and find_bars(np.zeros_like(frames)) is None and find_bars(np.full_like(frames, 200)) is None


def test_unrelated_pictures_are_said() -> None:
    noise = np.random.default_rng(1)
    frames = np.full((6, 64, 96, 3), 255, np.uint8)
    for frame in frames:
        top, left = noise.integers(0, 30), noise.integers(0, 60)
        frame[top : top + noise.integers(15, 34), left : left + noise.integers(15, 36)] = noise.integers(0, 200, 3)
    clip = Clip(frames, None, 24.0, (96, 64))
    assert "little to do with each other" in longest_shot(clip, find_masks(clip))[2][0]
    moving = Clip(on_white(moving_square(6)), None, 24.0, (96, 64))
    assert longest_shot(moving, find_masks(moving))[2] == ()


def test_white_eyes_on_white_belong_to_the_object() -> None:
    y, x = np.mgrid[:128, :128]
    frames = np.full((3, 128, 128, 3), 253, np.uint8)
    frames[:, np.hypot(x - 64, y - 64) < 45] = (200, 40, 160)
    frames[:, np.hypot(x - 50, y - 50) < 5] = 255  # an eye
    frames[:, np.hypot(x - 64, y - 80) < 12] = 253  # a hole that shows the background
    alpha = find_masks_of(frames)
    assert alpha[50, 50] == 1 and alpha[80, 64] == 0
    frames[frames == 253] = 60
    frames[frames == 255] = 60
    assert find_masks_of(frames)[50, 50] == 0  # on gray nothing says that it is not a hole


def find_masks_of(frames: np.ndarray) -> np.ndarray:
    """(H, W) alpha of the first frame."""
    return find_masks(Clip(frames, None, 24.0, (frames.shape[2], frames.shape[1]))).alpha[0]


def test_a_movie_that_changes_its_size_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def pictures(movie: Movie, first: int, last: int) -> Iterator[tuple[float, Picture]]:
        yield 0.0, Picture(np.zeros((40, 60, 3), np.uint8))
        yield 1.0, Picture(np.zeros((60, 40, 3), np.uint8))

    monkeypatch.setattr(Movie, "pictures", pictures)
    with pytest.raises(EngineError, match="changes its size on the way, from 60 x 40 to 40 x 60 px"):
        load_clip(VideoSpec(path=str(written(tmp_path / "clip.mp4", on_white(moving_square(4))))))


@pytest.mark.skipif(not SHARED, reason="ALIGN4D_ODD_INPUTS does not name the folder of public clips")
@pytest.mark.parametrize(
    ("name", "count", "fps"),
    [("newtonscradle.gif", 36, 43.75), ("colliding-stamps.mp4", 21, 63.2), ("edit-list.mp4", 25, 25.0), ("animated.webp", 12, 12.0)],
)
def test_public_clips(name: str, count: int, fps: float) -> None:
    clip = load_clip(VideoSpec(path=str(Path(SHARED) / name)))
    assert len(clip.frames) == count and clip.fps == pytest.approx(fps, rel=0.03)
    assert not any("ends early" in note for note in clip.notes)
    assert all((before != after).any() for before, after in zip(clip.frames, clip.frames[1:], strict=False))
