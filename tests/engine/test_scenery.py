"""What lies behind the object, and comparing pictures in front of it: masks that are wrong lead neither the camera nor the motion astray."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import Job
from test_cutout import HEIGHT, WIDTH, clip_of, scene, texture
from test_tracking import BEND, SIZE, Show

from align4d.alignment.reference import Backdrop, Reference, in_front, make_reference
from align4d.inputs.cutout.camera_motion import follow_background
from align4d.inputs.cutout.scenery import scenery
from align4d.inputs.cutout.shapes import grown
from align4d.inputs.masks import judge


def test_other_frames_show_what_a_mask_hides() -> None:
    frames, truth = scene(1.5)
    motion = follow_background(frames.astype(np.float32), ~grown(truth[0] > 0, 8))
    behind = scenery(frames, np.stack([grown(one > 0, 3) for one in truth]).astype(np.float16), motion, (HEIGHT, WIDTH))
    wall = texture(HEIGHT + 8, WIDTH + 40)[4 : 4 + HEIGHT, 8 : 8 + WIDTH]
    inside = truth[0] > 0.5
    seen_later = inside & (np.arange(WIDTH) < 34)  # the disc goes to the right
    assert np.abs(behind[0] - wall)[seen_later].mean() < 8 < 60 < np.abs(frames[0] - wall)[seen_later].mean()
    assert np.abs(behind[0].astype(float) - (205, 40, 50))[inside].mean() > 40  # the disc is nowhere
    far = ~grown(truth[0] > 0, 8)
    assert (behind[0][far] == frames[0][far]).all()


def test_a_clip_without_any_background_is_left_alone() -> None:
    frames, truth = scene()
    motion = follow_background(frames.astype(np.float32), ~grown(truth[0] > 0, 8))
    assert (scenery(frames, np.ones(truth.shape, np.float16), motion, (HEIGHT, WIDTH)) == frames).all()


def test_pictures_are_compared_in_front_of_what_lies_behind() -> None:
    frames, truth = scene()
    masks = replace(judge(truth.astype(np.float16), "box"), scenery=np.full_like(frames, 64))
    reference = make_reference(clip_of(frames), masks, 40.0, 48)
    assert reference.backdrop is not None and reference.backdrop.shown.shape == reference.color.shape
    assert reference.only(2).backdrop is not None and len(reference.only(2).backdrop.shown) == 1
    nothing = torch.ones(2, 3, 48, 48), torch.zeros(2, 1, 48, 48)
    color, alpha, shown, _ = reference.compared(*nothing, torch.tensor([3, 5]))
    assert float((color - 64 / 255).abs().max()) < 1e-6 and not alpha.any()
    assert (shown == reference.backdrop.shown[[3, 5]]).all()
    plain = replace(reference, backdrop=None)
    assert (plain.compared(*nothing)[0] == 1).all() and (plain.compared(*nothing)[2] == plain.color).all()
    assert len(masks.part(slice(2, 5)).scenery) == 3  # type: ignore[arg-type]


def in_a_room(plain: Reference, extra: torch.Tensor) -> Reference:
    """Frames before a wall; `extra` (R, R) bool of it is taken for the object."""
    wall = torch.from_numpy(texture(SIZE, SIZE) / 255).float().permute(2, 0, 1).expand_as(plain.color)
    shown = in_front(plain.color, plain.alpha, wall)
    alpha = torch.where(extra, 1.0, plain.alpha)
    color = shown * alpha + (1 - alpha)
    return replace(plain, color=torch.where(extra, color, plain.color), alpha=alpha, backdrop=Backdrop(shown, wall))


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Show:
    return Show(Job(tmp_path_factory.mktemp("room")))


def test_background_in_a_mask_pulls_at_nothing(show: Show) -> None:
    plain = show.video(BEND)
    covered = (plain.alpha > 0.5).any(0)[0].nonzero()
    extra = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    extra[: int(covered[:, 0].float().mean()), int(covered[:, 1].float().mean()) :] = True
    room = in_a_room(plain, extra)
    true = show.vertices(show.bent(BEND))
    error = {
        name: show.in_view(show.vertices(show.track(one)), true).mean() for name, one in (("room", room), ("masks", replace(room, backdrop=None)))
    }
    still = show.in_view(show.asset.vertices, true).mean()
    assert error["room"] < 0.3 * still < error["masks"]


def test_masks_are_disputed_only_where_the_frame_contradicts(show: Show) -> None:
    plain = show.video([0.0])
    extra = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    extra[:20, :20] = True
    room = in_a_room(plain, extra)
    ours, theirs = room.disputed(plain.color, plain.alpha)
    assert torch.equal(ours > 0.5, theirs > 0.5)
    nothing = torch.ones_like(plain.color), torch.zeros_like(plain.alpha)
    assert (room.disputed(*nothing)[1] > 0.5).sum() > 0.8 * (plain.alpha > 0.5).sum()
    assert torch.equal(replace(room, backdrop=None).disputed(plain.color, plain.alpha)[1], room.alpha[0])
