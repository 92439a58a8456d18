"""What a clip's changes say of its object: what moves in front of a background that the camera follows, and even areas that leave the box."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from align4d.inputs.cutout.camera_motion import CameraMotion
from align4d.inputs.cutout.change import GRADES, Change, log_odds
from align4d.inputs.cutout.shapes import reaching_out

HEIGHT, WIDTH, FRAMES = 48, 64, 6


def wall() -> np.ndarray:
    """(H, W, 3) float32 in [0, 255] with detail everywhere."""
    chance = np.random.default_rng(1)
    layers = [ndimage.gaussian_filter(chance.normal(size=(HEIGHT, WIDTH + 2 * FRAMES)), 2) for _ in range(3)]
    return np.stack([130 + 30 * layer / layer.std() for layer in layers], axis=2).clip(20, 240).astype(np.float32)


def moving() -> tuple[np.ndarray, CameraMotion]:
    """A red square that goes to the right at 3 px a frame, and a shadow over the left side, before a wall that the camera pans over at 2."""
    frames, homographies = [], []
    for t in range(FRAMES):
        frame = wall()[:, 2 * t : 2 * t + WIDTH].copy()
        frame[:, : 8 + 2 * (t % 2)] *= 0.7
        frame[18:34, 20 + 3 * t : 36 + 3 * t] = (200, 60, 50)
        frames.append(frame)
        homographies.append([[1, 0, -2 * t], [0, 1, 0], [0, 0, 1]])
    return np.stack(frames), CameraMotion(np.array(homographies, float), np.ones(FRAMES))


def test_what_moves_changes_and_a_shadow_hardly_does() -> None:
    frames, motion = moving()
    change = Change(frames, motion)
    for frame in (0, FRAMES - 1):
        classes = change.classes(frame)
        over_clip, here = classes // 2 // GRADES, classes // 2 % GRADES
        body = np.zeros((HEIGHT, WIDTH), bool)
        body[20:32, 22 + 3 * frame : 34 + 3 * frame] = True
        beside = np.zeros((HEIGHT, WIDTH), bool)
        beside[:12, 24:50] = beside[38:, 24:50] = True
        assert (over_clip[body] >= 2).mean() > 0.9 and here[body].mean() > 2
        assert (over_clip[beside] == 0).all() and (here[beside] == 0).all()
        assert over_clip[:, :6][classes[:, :6] >= 0].mean() < 2 < over_clip[body].mean()
    assert (change.classes(FRAMES - 1)[:, -8:] == -1).all(), "the first frame ends there"


def test_odds_are_counted_in_the_masks() -> None:
    still, moves = np.full(900, 0), np.full(900, 2 * GRADES**2 - 2)
    odds = log_odds(np.concatenate([moves, still[:100]]), still)
    assert odds[moves[0]] > 2 and odds[0] < -1 and odds[-1] == 0
    same = log_odds(still, still)
    assert abs(same[0]) < 1e-6 and same[1] < -0.5, "detail that never moves is no object, whatever was counted"


def test_an_even_area_that_leaves_the_box_is_background() -> None:
    picture = wall()[:, :WIDTH].copy()
    picture[::2] *= 0.8  # no even area of its own
    picture[20:30, 5:30] = 200  # goes on to the left of the box
    picture[20:30, 36:50] = 60  # stays inside
    allowed = np.zeros((HEIGHT, WIDTH), bool)
    allowed[10:40, 15:55] = True
    found = reaching_out(picture, allowed)
    assert found[22:28, 16:28].all() and not found[20:30, 36:50].any() and not found[~allowed].any()
