"""An object that has the colors of its background: told by what other frames show at its place, and by how rough it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from align4d.inputs.cutout.camera_motion import WHOLE, CameraMotion
from align4d.inputs.cutout.carry import Carried, Cutter
from align4d.inputs.cutout.elsewhere import Elsewhere
from align4d.inputs.cutout.mesh_view import MeshView
from align4d.inputs.cutout.shapes import overlap
from align4d.inputs.cutout.texture import log_odds_of_grades, roughness

HEIGHT, WIDTH, FRAMES = 96, 128, 7
STILL = CameraMotion(np.tile(np.eye(3), (FRAMES, 1, 1)), np.ones(FRAMES))


def gravel(seed: int) -> np.ndarray:
    """(H, W) gray stones of many lights, in [0, 255]."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(HEIGHT, WIDTH)), 1)
    light: np.ndarray = (128 + 45 * noise / noise.std()).clip(20, 236)
    return light


def hidden(rough: bool) -> tuple[np.ndarray, np.ndarray]:
    """A disc of the ground's grays that goes over the ground, smooth or as rough as that: (T, H, W, 3) uint8, its masks (T, H, W)."""
    ground, coat = gravel(1), gravel(2)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    frames, masks = [], []
    for t in range(FRAMES):
        center = 40 + 5 * t
        mask = np.hypot(y - 48, x - center) < 18
        shade = 128 + 40 * np.sin((y - 48) / 8)
        frames.append(np.where(mask, np.roll(coat, 5 * t, axis=1) if rough else shade, ground))
        masks.append(mask.astype(np.float32))
    return np.repeat(np.stack(frames)[..., None], 3, axis=3).round().astype(np.uint8), np.stack(masks)


@pytest.mark.parametrize("rough", [False, True])
def test_an_object_of_its_background_s_colors_is_cut_out_by_the_mesh_in_one_frame(rough: bool) -> None:
    frames, masks = hidden(rough)
    cutter = Cutter(frames, 0, lambda done, total: None)
    before = np.roll(masks, 6, axis=1)  # as colors alone cut: some of the ground is in, some of the object is out
    found = cutter.from_mesh(0, MeshView(masks[0], None), Carried(before, STILL))
    agreement = [overlap(one, other) for one, other in zip(found.inside, masks, strict=True)]
    assert np.mean(agreement) > 0.9 and min(agreement) > 0.8, agreement


def test_what_other_frames_show_at_a_place_tells_object_from_background_and_what_none_shows_tells_nothing() -> None:
    frames, masks = hidden(rough=True)
    always = np.zeros((HEIGHT, WIDTH), bool)
    always[:20, :20] = True
    told = masks.copy()
    told[:, always] = 1
    others = Elsewhere(frames.astype(np.float32), STILL)
    others.learn(told, 12)
    odds = others.odds(3, WHOLE)
    inner = ndimage.binary_erosion(masks[3] > 0.5, iterations=3) & (masks.sum(axis=0) < FRAMES - 1)
    around = ndimage.binary_dilation(masks[3] > 0.5, iterations=10) & ~ndimage.binary_dilation(masks[3] > 0.5, iterations=4)
    assert np.median(odds[inner]) < -2 < 2 < np.median(odds[around])
    np.testing.assert_allclose(odds[:15, :15], 0, atol=0.05)


def test_a_background_that_never_looks_alike_twice_says_little() -> None:
    frames, masks = hidden(rough=True)
    flicker = np.stack([np.where(mask > 0.5, frame[..., 0], gravel(10 + t)) for t, (frame, mask) in enumerate(zip(frames, masks, strict=True))])
    others = Elsewhere(np.repeat(flicker[..., None], 3, axis=3).astype(np.float32), STILL)
    others.learn(masks, 12)
    assert np.abs(others.odds(3, WHOLE)).max() < 1


def test_a_smooth_thing_is_smooth_up_to_its_edge() -> None:
    frames, masks = hidden(rough=False)
    grades, inside = roughness(frames[0].astype(np.float32)), masks[0] > 0.5
    assert np.median(grades[inside]) <= 2 and np.mean(grades[~inside] >= 5) > 0.8
    rim = inside & ~ndimage.binary_erosion(inside, iterations=2)
    assert np.mean(grades[rim] <= 4) > 0.8
    odds = log_odds_of_grades(grades[inside], grades[~inside])
    assert odds[:2].min() > 1 and odds[6:].max() < -0.5
