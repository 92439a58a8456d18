"""Reference videos: every kind that artists bring, and what is said about those that cannot be used."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from builders import moving_square
from conftest import MovieWriter
from PIL import Image

from align4d.errors import EngineError
from align4d.inputs.movie import Movie
from align4d.inputs.pictures import on_white
from align4d.inputs.video import load_clip
from align4d.protocol import VideoSpec

ImageWriter = Callable[..., tuple[str, ...]]


def refuse(spec: VideoSpec) -> EngineError:
    """The error that loading ends in."""
    with pytest.raises(EngineError) as caught:
        load_clip(spec)
    assert caught.value.message.endswith(".") and caught.value.advice.endswith(".")
    return caught.value


def test_a_movie_is_decoded_frame_by_frame(write_movie: MovieWriter) -> None:
    frames = on_white(moving_square(8))
    clip = load_clip(VideoSpec(path=str(write_movie(frames, crf="10"))))
    assert clip.frames.shape == (8, 64, 96, 3) and clip.alpha is None
    assert clip.fps == 24 and clip.full_size == (96, 64) and clip.notes == ()
    for index in range(8):
        errors = np.abs(clip.frames[index].astype(int) - frames).mean(axis=(1, 2, 3))
        assert errors.argmin() == index and errors[index] < 3


def test_decoded_frames_are_let_go(write_movie: MovieWriter) -> None:
    path = write_movie(on_white(moving_square(24)), rotation=90)
    gc.collect()
    gc.disable()  # a long clip in 4K fills the memory before Python looks for circles
    try:
        for _ in Movie(path, 0.0).pictures(0, -1):
            alive = sum(type(one) is av.VideoFrame for one in gc.get_objects())
            assert alive < 12
    finally:
        gc.enable()


def test_the_range_is_cut_out_with_both_ends(write_movie: MovieWriter) -> None:
    path = str(write_movie(on_white(moving_square(8))))
    whole, part = load_clip(VideoSpec(path=path)), load_clip(VideoSpec(path=path, first=2, last=5))
    np.testing.assert_array_equal(part.frames, whole.frames[2:6])


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "options"),
    [
        ("clip.mov", "prores_ks", "yuva444p10le", {}),
        ("clip.mov", "png", "rgba", {}),
        ("clip.webm", "libvpx-vp9", "yuva420p", {"crf": "10", "b": "0"}),
        ("clip.webm", "libvpx", "yuva420p", {"auto-alt-ref": "0", "crf": "4", "b": "2M"}),
    ],
)
def test_alpha_is_kept(write_movie: MovieWriter, name: str, codec: str, pixel_format: str, options: dict[str, str]) -> None:
    frames = moving_square(5, background=90)
    clip = load_clip(VideoSpec(path=str(write_movie(frames, name, codec, pixel_format, **options))))
    assert clip.alpha is not None and len(clip.alpha) == 5
    assert np.abs(clip.alpha.astype(int) - frames[..., 3]).mean() < 2
    assert (clip.frames[0][:10, :10] > 250).all()  # on white, whatever lies under the transparency
    assert np.abs(clip.frames.astype(int) - on_white(frames)).mean() < 5


@pytest.mark.parametrize(("rotation", "corner"), [(90, (-1, 0)), (-90, (0, -1)), (180, (-1, -1))])
def test_a_phone_s_rotation_is_applied(write_movie: MovieWriter, rotation: int, corner: tuple[int, int]) -> None:
    frames = np.full((3, 48, 96, 3), 255, np.uint8)
    frames[:, :16, :16] = 0  # counter-clockwise quarter turns take the top left corner to the bottom left, ...
    clip = load_clip(VideoSpec(path=str(write_movie(frames, rotation=rotation))))
    assert clip.frames.shape[1:3] == ((96, 48) if abs(rotation) == 90 else (48, 96))
    assert clip.frames[0][corner].max() < 60
    assert clip.full_size == clip.frames.shape[2:0:-1]


def test_a_variable_frame_rate_keeps_its_timing(write_movie: MovieWriter) -> None:
    gray = np.repeat(np.array([0, 60, 120, 180, 240], np.uint8), 64 * 64 * 3).reshape(5, 64, 64, 3)
    clip = load_clip(VideoSpec(path=str(write_movie(gray, times=[0, 1, 2, 5, 6]))))
    levels = np.rint(clip.frames.mean(axis=(1, 2, 3)) / 60).astype(int).tolist()
    assert levels == [0, 1, 2, 2, 2, 3, 4]


def test_large_frames_are_reduced_by_area(write_images: ImageWriter) -> None:
    frames = np.zeros((2, 300, 1200, 4), np.uint8)
    frames[..., ::2, :] = (255, 0, 0, 255)  # red stripes of one pixel on transparency
    clip = load_clip(VideoSpec(images=write_images(frames), fps=12), max_side=300)
    assert clip.frames.shape == (2, 75, 300, 3) and clip.full_size == (1200, 300) and clip.fps == 12
    assert clip.alpha is not None and np.abs(clip.alpha.astype(int) - 127).max() <= 1
    np.testing.assert_allclose(clip.frames.reshape(-1, 3), np.tile([255, 128, 128], (2 * 75 * 300, 1)), atol=1)


def test_image_sequences_of_every_mode_are_read(tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 64 * 64).reshape(64, 64)
    images = {
        "gray": Image.fromarray((levels / 257).round().astype(np.uint8)),
        "gray16": Image.fromarray(levels.astype(np.uint16)),
        "palette": Image.fromarray((levels / 257).round().astype(np.uint8)).convert("P"),
        "opaque": Image.fromarray((levels / 257).round().astype(np.uint8)).convert("RGBA"),
    }
    for name, image in images.items():
        image.save(tmp_path / f"{name}.png")
    clip = load_clip(VideoSpec(images=tuple(str(tmp_path / f"{name}.png") for name in images), fps=24))
    assert clip.alpha is None
    expected = np.repeat((levels / 257).round()[..., None], 3, axis=2)
    for frame in clip.frames:
        assert np.abs(frame - expected).max() <= 1


def test_a_movie_damaged_in_the_middle_is_used_as_far_as_it_decodes(write_movie: MovieWriter) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (12, 64, 96, 3), dtype=np.uint8)
    path = write_movie(noise, "clip.mov", "png", "rgb24")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(data)
    clip = load_clip(VideoSpec(path=str(path)))
    assert len(clip.frames) == 12 and any("damaged" in note for note in clip.notes)
    held = [index for index in range(1, 12) if (clip.frames[index] == clip.frames[index - 1]).all()]
    assert 1 <= len(held) <= 4
    whole = [index for index in range(12) if index not in held]
    np.testing.assert_array_equal(clip.frames[whole], noise[whole])


def test_a_movie_that_ends_early_says_so(write_movie: MovieWriter) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (12, 64, 96, 3), dtype=np.uint8)
    path = write_movie(noise, "clip.avi", "mjpeg", "yuvj420p")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    clip = load_clip(VideoSpec(path=str(path)))
    assert 2 <= len(clip.frames) < 12 and any("ends early" in note for note in clip.notes)


def test_an_image_that_cannot_be_read_is_replaced_by_the_one_before(write_images: ImageWriter) -> None:
    paths = write_images(on_white(moving_square(4)))
    Path(paths[2]).write_bytes(b"no image")
    clip = load_clip(VideoSpec(images=paths, fps=24))
    np.testing.assert_array_equal(clip.frames[2], clip.frames[1])
    assert "frame_002.png" in clip.notes[0]
    assert refuse(VideoSpec(images=paths, fps=24, first=2)).code == "video_unreadable"


def test_videos_that_cannot_be_used_are_refused(write_movie: MovieWriter, write_images: ImageWriter, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    movie, images = str(write_movie(on_white(moving_square(6)))), write_images(on_white(moving_square(2)))
    Image.new("RGB", (10, 10)).save(images[1])
    codes = {
        "nothing": refuse(VideoSpec()).code,
        "missing": refuse(VideoSpec(path=str(tmp_path / "none.mp4"))).code,
        "text": refuse(VideoSpec(path=str(text))).code,
        "a still": refuse(VideoSpec(path=images[0])).code,
        "one frame of the range": refuse(VideoSpec(path=movie, first=3, last=3)).code,
        "beyond the end": refuse(VideoSpec(path=movie, last=6)).code,
        "behind the end": refuse(VideoSpec(path=movie, first=6)).code,
        "backwards": refuse(VideoSpec(path=movie, first=3, last=2)).code,
        "other sizes": refuse(VideoSpec(images=images, fps=24)).code,
        "no rate": refuse(VideoSpec(images=images)).code,
        "an image gone": refuse(VideoSpec(images=(images[0], str(tmp_path / "gone.png")), fps=24)).code,
    }
    assert codes == {
        "nothing": "video_missing",
        "missing": "video_missing",
        "text": "video_unreadable",
        "a still": "video_short",
        "one frame of the range": "video_short",
        "beyond the end": "video_range",
        "behind the end": "video_range",
        "backwards": "video_range",
        "other sizes": "video_size",
        "no rate": "video_fps",
        "an image gone": "video_missing",
    }


def test_a_first_picture_that_is_shown_twice_is_left_out_once(write_movie: MovieWriter) -> None:
    frames = on_white(moving_square(8))
    clip = load_clip(VideoSpec(path=str(write_movie(frames[[0, 0, 1, 2, 3, 4, 5, 6]], crf="20"))))
    assert clip.skipped == 1 and "first picture twice" in clip.notes[0]
    for shown, index in zip(clip.frames, [0, 1, 2, 3, 4, 5, 6, 6], strict=True):
        assert np.abs(shown.astype(int) - frames).mean(axis=(1, 2, 3)).argmin() == index


@pytest.mark.parametrize(
    ("order", "what"),
    [
        ([0, 0, 0, 1, 2, 3, 4, 5, 6, 7], "held on purpose"),
        ([0, 0, 1, 1, 2, 2, 3, 3, 4, 4], "animated on twos"),
        ([0, 0, 1, 2, 3, 3, 4, 5, 6, 6], "others are repeated too"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "nothing repeated"),
        ([0, 0, 0, 0, 0, 0], "nothing moves"),
    ],
)
def test_other_repeated_pictures_stay(write_movie: MovieWriter, order: list[int], what: str) -> None:
    clip = load_clip(VideoSpec(path=str(write_movie(on_white(moving_square(8))[order], crf="20"))))
    assert clip.skipped == 0 and len(clip.frames) == len(order) and clip.notes == (), what


def test_a_chosen_range_starts_where_it_was_chosen(write_movie: MovieWriter) -> None:
    path = str(write_movie(on_white(moving_square(8))[[0, 0, 0, 1, 2, 3, 4, 5, 6, 7]]))
    assert load_clip(VideoSpec(path=path, first=1)).skipped == 0
