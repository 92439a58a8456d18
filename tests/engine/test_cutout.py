"""Cutting an object out by a box: colors, the background that moves, what other frames show, the mesh's outline, masks that went wrong."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from align4d.errors import EngineError
from align4d.inputs.cutout.camera_motion import follow_background, transform
from align4d.inputs.cutout.carry import Carried, Cutter
from align4d.inputs.cutout.matte import matte
from align4d.inputs.cutout.mesh_view import MeshView
from align4d.inputs.cutout.nearby import nearby_density
from align4d.inputs.cutout.plate import log_density, make_plate
from align4d.inputs.cutout.shapes import find_bad, laid_into, outline_evidence, overlap, without_specks
from align4d.inputs.cutout.total_variation import divide, outline_price
from align4d.inputs.masks import boxed_masks, find_masks, masks_of_pictures
from align4d.inputs.video import Clip

HEIGHT, WIDTH, FRAMES = 96, 128, 7
BOX = (0.17, 0.27, 0.53, 0.77)
EYE = (50, 90, 100)


def texture(height: int, width: int) -> np.ndarray:
    """(H, W, 3) float in [0, 255]: a wall of many greens and blues."""
    chance = np.random.default_rng(3)
    layers = [ndimage.gaussian_filter(chance.normal(size=(height, width)), 2) for _ in range(3)]
    wall = (70, 130, 130) + np.stack([layer / np.abs(layer).max() for layer in layers], axis=2) * (40, 100, 120)
    return wall.clip(0, 255)


def scene(shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A red disc that walks over the wall, with a shadow below it, while the camera turns by `shift` px a frame: (T, H, W, 3) uint8, true alpha."""
    wall = texture(HEIGHT + 8, WIDTH + 40)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    frames, alphas = [], []
    for t in range(FRAMES):
        moved = [ndimage.map_coordinates(wall[..., i], [y + 4, x + 8 + shift * t], order=1) for i in range(3)]
        center = 45 + 3 * t
        shadow = np.exp(-(((y - 76) / 5) ** 2) - ((x - center) / 18) ** 2)
        alpha = (20.5 - np.hypot(y - 50, x - center)).clip(0, 1)
        behind = np.stack(moved, axis=2) * (1 - 0.4 * shadow[..., None])
        frames.append(alpha[..., None] * np.array([205, 40, 50]) + (1 - alpha[..., None]) * behind)
        alphas.append(alpha)
    return np.stack(frames).round().clip(0, 255).astype(np.uint8), np.stack(alphas)


@functools.cache
def boxed() -> tuple[np.ndarray, np.ndarray, Carried]:
    """The scene of a camera that stands still, its true alpha, and what a box makes of it."""
    frames, truth = scene()
    return frames, truth, cutter(frames).from_box(BOX)


def cutter(frames: np.ndarray) -> Cutter:
    return Cutter(frames, 0, lambda done, total: None)


def clip_of(frames: np.ndarray) -> Clip:
    return Clip(frames, None, 24.0, (frames.shape[2], frames.shape[1]))


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_a_box_in_the_first_frame_cuts_the_object_out_of_all(shift: float) -> None:
    frames, truth = scene(shift)
    carried = cutter(frames).from_box(BOX) if shift else boxed()[2]
    masks = boxed_masks(clip_of(frames), carried.inside)
    assert min(overlap(*pair) for pair in zip(masks.alpha, truth, strict=True)) > 0.93
    edge = (truth > 0.1) & (truth < 0.9)
    assert np.abs(masks.alpha - truth)[edge].mean() < 0.15 and masks.source == "box"


def test_an_eye_in_a_color_of_its_own_is_no_hole() -> None:
    frames, truth = scene()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for t, frame in enumerate(frames):
        frame[np.hypot(y - 50, x - 45 - 3 * t) < 10] = EYE
    inside = cutter(frames).from_box(BOX).inside
    assert min(overlap(*pair) for pair in zip(inside, truth, strict=True)) > 0.93


def test_the_background_s_motion_is_solved_beside_the_object() -> None:
    frames, truth = scene(1.5)
    motion = follow_background(frames, truth[0] < 0.01)
    place = transform(motion.homographies[-1], np.array([[100.0, 20.0]]))[0]
    np.testing.assert_allclose(place, [100 - 1.5 * (FRAMES - 1), 20], atol=0.3)
    assert motion.explained[1:].min() > 0.6 and motion.shift((HEIGHT, WIDTH))[-1] == pytest.approx(1.5 * (FRAMES - 1), abs=0.5)


def test_a_background_without_detail_tells_no_motion() -> None:
    plain = np.full((3, 48, 64, 3), 90, np.uint8)
    motion = follow_background(plain, np.ones((48, 64), bool))
    np.testing.assert_array_equal(motion.homographies, np.broadcast_to(np.eye(3), (3, 3, 3)))


def test_the_plate_shows_what_the_object_hides_and_knows_its_shadow() -> None:
    frames, truth = scene()
    motion = follow_background(frames, truth[0] < 0.01)
    plate = make_plate(frames.astype(np.float32), truth, motion)
    bare = texture(HEIGHT + 8, WIDTH + 40)[4 : 4 + HEIGHT, 8 : 8 + WIDTH]
    seen = plate.seen_in(motion, 0)
    hidden = (truth[0] > 0.5) & np.isfinite(seen[..., 0])
    assert hidden.sum() > 200 and np.abs(seen - bare)[hidden].mean() < 4
    assert np.isnan(seen[50, 62, 0]), "the middle is covered in every frame"
    likely = log_density(frames[0].astype(np.float32), seen)
    shadow = (76, 45)
    assert np.isnan(likely[50, 62]) and likely[shadow] > np.nanmedian(likely[hidden]) + 4


def test_the_outline_of_the_mesh_says_what_colors_do_not() -> None:
    frames, truth = scene()
    frames[:, 27:40, 23:33] = (190, 60, 90)  # a thing of about that color, inside of the box, that never moves
    box = cutter(frames).from_box(BOX)
    assert overlap(box.inside[0], truth[0]) < 0.9
    outline = np.roll(truth[0], 1, axis=1).astype(np.float32)
    mended = cutter(frames).from_mesh(0, MeshView(outline, None), box)
    assert np.mean([overlap(*pair) for pair in zip(mended.inside, truth, strict=True)]) > 0.9
    every = cutter(frames).with_mesh(
        {frame: MeshView(mask.astype(np.float32), frames[frame].astype(np.float32)) for frame, mask in enumerate(truth)}, box
    )
    assert np.mean([overlap(*pair) for pair in zip(every.inside, truth, strict=True)]) > 0.9


def test_the_colors_of_the_mesh_find_a_part_that_is_colored_as_the_background() -> None:
    frames, truth = scene()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    shown = np.repeat(np.array([205.0, 40, 50], np.float32)[None], HEIGHT * WIDTH, 0).reshape(HEIGHT, WIDTH, 3)
    views = {}
    for t, frame in enumerate(frames):
        foot = (np.abs(x - 45 - 3 * t) < 5) & (y > 69) & (y < 88)
        frame[foot] = (75, 140, 135)
        truth[t][foot] = 1
        views[t] = MeshView(truth[t].astype(np.float32), np.where(foot[..., None], (70, 150, 130), shown).astype(np.float32))
    # no mask so far has the foot, so nothing but the mesh knows its color
    disc = Carried(np.where(y < 70, truth, 0).astype(np.float32), boxed()[2].motion)
    found = cutter(frames).with_mesh(views, disc).inside
    assert np.mean([overlap(*pair) for pair in zip(found, truth, strict=True)]) > 0.95
    alone = cutter(frames).from_mesh(3, views[3], disc).inside[3]
    assert overlap(alone, truth[3]) > 0.95, "in the one frame where it is known, too"
    red = {frame: MeshView(view.coverage, shown) for frame, view in views.items()}
    assert overlap(found[3], truth[3]) > overlap(cutter(frames).with_mesh(red, disc).inside[3], truth[3])


def test_a_color_is_likely_close_to_where_the_mesh_has_it() -> None:
    coverage, color = np.zeros((20, 30), np.float32), np.zeros((20, 30, 3), np.float32)
    coverage[5:15, 5:25], color[5:15, 5:15], color[5:15, 15:25] = 1, (200, 0, 0), (0, 0, 200)
    density = MeshView(coverage, color).density(np.full((20, 30, 3), (200.0, 0, 0)))
    assert density[10, 10] > density[10, 20] + 10, "red on the red side"
    assert density[10, 16] > density[10, 20] + 5, "and a little beside it"
    assert density[10, 29] == -30, "no mesh is near"
    assert MeshView(coverage, None).density(color) is None, "an outline says nothing of colors"
    half = MeshView(coverage, color).reduced(15)
    assert half.coverage.shape == (10, 15) and half.coverage[2, 3] == 0.5
    np.testing.assert_allclose(half.color[2, 3], (200, 0, 0), atol=1e-3)  # nothing of the empty half is mixed in


def test_masks_that_went_wrong_are_found_and_put_right() -> None:
    frames, truth, found = boxed()
    spoiled = found.inside.copy()
    spoiled[2, 50:] = 0
    spoiled[5, 20:80, 20:110] = 1
    assert find_bad(found.inside).sum() == 0 and np.flatnonzero(find_bad(spoiled)).tolist() == [2, 5]
    mended = cutter(frames).repaired(spoiled, found.motion)
    assert min(overlap(mended[frame], truth[frame]) for frame in (2, 5)) > 0.9
    np.testing.assert_array_equal(mended[3], spoiled[3])


def test_bad_masks_in_a_row_do_not_vouch_for_each_other() -> None:
    spoiled = np.zeros((12, 40, 60), np.float32)
    spoiled[:, 10:30, 10:30] = 1
    spoiled[4:7, 20:, :] = 0
    assert np.flatnonzero(find_bad(spoiled)).tolist() == [4, 5, 6]


def test_a_small_loss_is_bad_where_areas_do_not_change() -> None:
    masks = np.zeros((9, 40, 60), np.float32)
    masks[:, 10:30, 10:30] = 1
    masks[4, 27:] = 0
    assert np.flatnonzero(find_bad(masks)).tolist() == [4]
    for frame in range(9):
        masks[frame, 10:30, 30 : 31 + frame % 5] = 1
    assert not find_bad(masks).any()


def test_a_color_is_likelier_near_where_it_is_seen() -> None:
    picture = np.full((96, 128, 3), 90.0)
    picture[30:60, :40] = picture[30:60, 88:] = (200, 60, 60)
    seen = np.zeros((96, 128), bool)
    seen[:, :20] = seen[:10] = True
    density = nearby_density(picture, seen, np.full((96, 128), -16.0))
    assert density[45, 30] > density[45, 100] + 3, "the left one goes on where it is seen"
    assert density[80, 110] == pytest.approx(-16, abs=0.1), "far from all that is seen: as anywhere"


def test_thin_parts_keep_their_width_before_a_background_full_of_detail() -> None:
    chance = np.random.default_rng(3)
    frame = np.repeat(chance.integers(60, 250, (96, 128, 1)), 3, axis=2).astype(np.uint8)
    truth = np.zeros((96, 128), np.float32)
    for place in range(8, 120, 12):
        truth[10:86, place : place + 4] = 1
    frame[truth > 0.5] = (40, 42, 50)
    assert overlap(matte(frame, truth), truth) > 0.95


def test_a_mask_is_laid_into_a_box() -> None:
    mask = np.zeros((60, 80), np.float32)
    mask[10:30, 20:60] = 1
    laid = laid_into(mask, (0.25, 0.5, 0.75, 0.9))
    assert laid is not None
    rows, columns = np.flatnonzero((laid > 0.5).any(axis=1)), np.flatnonzero((laid > 0.5).any(axis=0))
    np.testing.assert_allclose([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1], [30 + 1.2, 54 - 1.2, 20 + 1.2, 60 - 1.2], atol=1)
    mask[10:30, 60:] = 1
    assert laid_into(mask, (0.25, 0.5, 0.75, 0.9)) is None and laid_into(0 * mask, (0.25, 0.5, 0.75, 0.9)) is None


def test_masks_go_both_ways_from_a_frame_in_the_middle() -> None:
    frames, truth, before = boxed()
    found = cutter(frames).from_mesh(4, MeshView(truth[4].astype(np.float32), None), before)
    assert min(overlap(*pair) for pair in zip(found.inside, truth, strict=True)) > 0.9


def test_the_frame_that_the_mesh_is_known_in_stays_where_the_object_leaves_its_place_at_once() -> None:
    frames, truth = (one[[0, *[FRAMES - 1] * (FRAMES - 1)]] for one in scene())
    assert find_bad(truth)[0], "it goes with none of the frames around it"
    before = Carried(truth.astype(np.float32), boxed()[2].motion)
    found = cutter(frames).from_mesh(0, MeshView(truth[0].astype(np.float32), None), before).inside
    assert min(overlap(*pair) for pair in zip(found, truth, strict=True)) > 0.9
    views = {frame: MeshView(mask.astype(np.float32), None) for frame, mask in enumerate(truth)}
    found = cutter(frames).with_mesh(views, before, known=0).inside
    assert min(overlap(*pair) for pair in zip(found, truth, strict=True)) > 0.9


def test_a_division_follows_the_data_and_shortens_its_outline() -> None:
    data = np.where(np.hypot(*(np.mgrid[:40, :40] - 20)) < 10, -1.0, 1.0)
    data[5, 5], data[20, 20] = -1.0, 1.0  # a speck and a pinhole
    flat = np.full((40, 40), 0.5, np.float32)
    found = divide(data, flat, np.zeros((40, 40))) > 0.5
    assert found[20, 20] and not found[5, 5] and found[20, 14] and not found[20, 6]
    picture = np.zeros((8, 8, 3))
    picture[:, 4:] = 200
    price = outline_price(picture, 2.0)
    assert price[4, 3] < 0.3 * price[4, 0]


def test_an_edge_is_unmixed_at_the_size_of_the_frame() -> None:
    x = np.broadcast_to(np.arange(64.0), (48, 64))
    alpha = ((x - 29) / 4).clip(0, 1)
    frame = (alpha[..., None] * np.array([220, 60, 40]) + (1 - alpha[..., None]) * np.array([30, 90, 160])).astype(np.uint8)
    small = np.zeros((24, 32), np.float32)
    small[:, 16:] = 1
    np.testing.assert_allclose(matte(frame, small)[:, 29:34], alpha[:, 29:34], atol=0.15)


def test_specks_go_and_pinholes_are_filled() -> None:
    mask = np.zeros((60, 60), np.float32)
    mask[10:40, 10:40] = 0.9
    mask[20, 20], mask[50, 50] = 0, 1
    clean = without_specks(mask)
    assert clean[20, 20] == 1 and clean[50, 50] == 0 and clean[11, 11] == np.float32(0.9)
    evidence = outline_evidence(mask)
    assert evidence[25, 25] == 1 and evidence[55, 55] < -1 and abs(evidence[10, 25]) < 1.01


def test_a_box_without_object_asks_for_another_one() -> None:
    frames, _ = scene()
    with pytest.raises(EngineError) as caught:
        boxed_masks(clip_of(frames), np.zeros((FRAMES, HEIGHT, WIDTH), np.float32))
    assert caught.value.code == "video_empty" and caught.value.fix == "draw_box"


def test_masks_of_somebody_else_are_taken_as_they_are(tmp_path: Path) -> None:
    frames, truth = scene()
    paths = []
    for index, alpha in enumerate(truth):
        white = Image.fromarray((alpha * 255).astype(np.uint8)).resize((WIDTH * 2, HEIGHT * 2))
        paths.append(str(tmp_path / f"{index}.png"))
        (white if index else Image.merge("RGBA", [white.point(lambda _: 0)] * 3 + [white])).save(paths[-1])
    masks = masks_of_pictures(clip_of(frames), paths)
    assert masks.source == "pictures" and np.abs(masks.alpha - truth).mean() < 0.01
    with pytest.raises(EngineError) as caught:
        masks_of_pictures(clip_of(frames), paths[1:])
    assert caught.value.code == "masks_count" and f"{FRAMES - 1} pictures" in caught.value.message


def test_what_lies_behind_an_edge_is_taken_out_of_it() -> None:
    frames, truth = scene()
    masks = boxed_masks(clip_of(frames), truth.astype(np.float32))
    shown = frames[0].astype(np.float32) / 255
    behind = masks.behind_edges(shown, masks.alpha[0])
    edge = (truth[0] > 0.3) & (truth[0] < 0.7)
    alone = shown - (1 - truth[0][..., None]) * behind
    assert np.abs(alone / truth[0][..., None].clip(0.01) - np.array([205, 40, 50]) / 255)[edge].mean() < 0.12
    with pytest.raises(EngineError):
        find_masks(clip_of(frames))


def behind_a_pillar() -> tuple[np.ndarray, np.ndarray, list[int]]:
    """A small red disc walks behind a pillar and comes out again: (T, H, W, 3) uint8, true alpha of what is seen, frames that show none."""
    wall, (y, x) = texture(HEIGHT, WIDTH), np.mgrid[:HEIGHT, :WIDTH].astype(float)
    pillar = (x > 50) & (x < 92)
    frames, alphas = [], []
    for t in range(10):
        alpha = np.where(pillar, 0, (10.5 - np.hypot(y - 50, x - (32 + 8 * t))).clip(0, 1))
        frames.append(alpha[..., None] * np.array([205, 40, 50]) + (1 - alpha[..., None]) * np.where(pillar[..., None], 0.7 * wall, wall))
        alphas.append(alpha)
    hidden = [t for t, alpha in enumerate(alphas) if alpha.sum() < 1]
    return np.stack(frames).round().clip(0, 255).astype(np.uint8), np.stack(alphas), hidden


def test_an_object_that_is_covered_for_a_while_is_found_again() -> None:
    frames, truth, hidden = behind_a_pillar()
    carried = cutter(frames).from_box((0.14, 0.38, 0.36, 0.66))
    masks = boxed_masks(clip_of(frames), carried.inside)
    assert len(hidden) >= 2 and masks.empty[hidden].all() and not masks.alpha[hidden].max() > 0.5
    whole = [t for t, alpha in enumerate(truth) if alpha.sum() > 0.9 * truth[0].sum()]
    assert whole[-1] > hidden[-1] and min(overlap(masks.alpha[t], truth[t]) for t in whole) > 0.85 and not masks.empty[whole].any()
    assert any("not to be seen" in note for note in masks.notes)
