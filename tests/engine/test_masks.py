"""Masks: alpha, plain backgrounds, and what is said where neither is there."""

from __future__ import annotations

import numpy as np
import pytest
from builders import moving_square
from conftest import MovieWriter
from scipy import ndimage

from align4d.errors import EngineError
from align4d.inputs.masks import find_masks
from align4d.inputs.pictures import on_white
from align4d.inputs.video import Clip, load_clip
from align4d.protocol import VideoSpec


def clip_of(frames: np.ndarray, alpha: np.ndarray | None = None) -> Clip:
    """A clip of these frames."""
    return Clip(frames, alpha, 24.0, (frames.shape[2], frames.shape[1]))


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two alphas in [0, 1]."""
    return float(((mask > 0.5) & (truth > 0.5)).sum() / ((mask > 0.5) | (truth > 0.5)).sum())


def disc_scene(background: np.ndarray, color: tuple[int, int, int] = (200, 90, 40)) -> tuple[np.ndarray, np.ndarray]:
    """Five frames (T, H, W, 3) uint8 of an antialiased disc that moves over `background` (H, W, 3), and its true alpha."""
    y, x = np.mgrid[:128, :160]
    alpha = np.stack([np.clip(30.5 - np.hypot(y - 64, x - 60 - 8 * t), 0, 1) for t in range(5)])
    frames = alpha[..., None] * np.array(color) + (1 - alpha[..., None]) * background
    return frames.round().astype(np.uint8), alpha


def test_the_video_s_own_alpha_comes_first() -> None:
    frames = moving_square(3)
    masks = find_masks(clip_of(on_white(frames), frames[..., 3]))
    assert masks.source == "alpha" and masks.alpha.dtype == np.float16
    np.testing.assert_array_equal(masks.alpha, frames[..., 3] / np.float32(255))


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (30, 200, 60)])
def test_a_plain_background_is_keyed_out_with_soft_edges(background: tuple[int, int, int]) -> None:
    frames, truth = disc_scene(np.broadcast_to(np.array(background, float), (128, 160, 3)))
    masks = find_masks(clip_of(frames))
    assert masks.source == "background"
    assert overlap(masks.alpha, truth) > 0.99
    edge = (truth > 0.05) & (truth < 0.95)
    assert np.abs(masks.alpha - truth)[edge].mean() < 0.1


def test_a_background_with_a_light_fall_off_and_noise_is_still_plain() -> None:
    y, x = np.mgrid[:128, :160]
    falloff = 200 - 60 * np.hypot((y - 64) / 64, (x - 80) / 80) ** 2
    frames, truth = disc_scene(np.repeat(falloff[..., None], 3, axis=2))
    noisy = np.clip(frames + np.random.default_rng(0).normal(0, 2.0, frames.shape), 0, 255).astype(np.uint8)
    masks = find_masks(clip_of(noisy))
    assert masks.source == "background" and overlap(masks.alpha, truth) > 0.97


def test_pale_parts_on_white_are_kept_through_compression(write_movie: MovieWriter) -> None:
    frames = moving_square(6)
    for index, frame in enumerate(frames):
        frame[44:56, 20 + 3 * index : 36 + 3 * index] = (240, 238, 234, 255)  # a pale belly below the square
    frames = frames.repeat(4, axis=1).repeat(4, axis=2)
    clip = load_clip(VideoSpec(path=str(write_movie(on_white(frames), crf="20"))))
    masks = find_masks(clip)
    truth = frames[..., 3] / 255
    assert overlap(masks.alpha, truth) > 0.97
    assert masks.alpha[3, 180:220, 128:164].mean() > 0.95
    far = ndimage.distance_transform_edt(truth[3] < 0.5) > 6
    assert masks.alpha[3][far].max() == 0  # no ringing


def test_heavy_compression_leaves_no_halo(write_movie: MovieWriter) -> None:
    frames = moving_square(6).repeat(4, axis=1).repeat(4, axis=2)
    frames[..., 1] += np.random.default_rng(0).integers(0, 60, frames.shape[:3], dtype=np.uint8)  # texture, for the codec to struggle with
    masks = find_masks(load_clip(VideoSpec(path=str(write_movie(on_white(frames), crf="36")))))
    assert overlap(masks.alpha, frames[..., 3] / 255) > 0.97


def test_a_gap_stays_open_and_a_burnt_out_spot_is_filled() -> None:
    frames = np.full((2, 256, 256, 3), 255, np.uint8)
    frames[:, 40:200, 40:200] = (220, 120, 50)
    frames[:, 60:84, 60:84] = 255  # a gap: between two legs, say
    for inset, level in enumerate(np.linspace(215, 253, 20)):
        frames[:, 120 + inset : 180 - inset, 120 + inset : 180 - inset] = round(level)
    frames[:, 142:158, 142:158] = 255  # a highlight: its surroundings fade into it
    alpha = find_masks(clip_of(frames)).alpha[0]
    assert alpha[64:80, 64:80].max() == 0
    assert alpha[124:176, 124:176].min() > 0.9


def test_an_object_cut_by_the_border_and_one_that_leaves_are_noted() -> None:
    frames = np.full((4, 96, 96, 3), 255, np.uint8)
    for index, left in enumerate((40, 70, 90, 200)):
        frames[index, 30:60, left : left + 30] = (40, 60, 160)
    masks = find_masks(clip_of(frames))
    assert masks.touches_border.tolist() == [False, True, True, False]
    assert masks.empty.tolist() == [False, False, False, True]
    assert len(masks.notes) == 2 and "1 of 4" in masks.notes[0] and "2 of 4" in masks.notes[1]


@pytest.mark.parametrize("alpha", [None, np.zeros((3, 64, 64), np.uint8)])
def test_a_video_that_is_all_background_is_refused(alpha: np.ndarray | None) -> None:
    white = np.full((3, 64, 64, 3), 255, np.uint8)
    with pytest.raises(EngineError) as caught:
        find_masks(clip_of(white, alpha))
    assert caught.value.code == "video_empty"
