"""L_known, eq. 6, against closed forms; and the reference video that it compares with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from align4d.alignment.known_views import PAPER, KnownViewLoss, KnownViewSettings
from align4d.alignment.reference import make_reference
from align4d.cameras.orbit import intrinsics_for
from align4d.inputs.masks import judge
from align4d.inputs.video import Clip

SHAPE = (2, 8, 8)


def images(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Colors and masks of two frames."""
    generator = torch.Generator().manual_seed(seed)
    frames, height, width = SHAPE
    return torch.rand(frames, 3, height, width, generator=generator), torch.rand(frames, 1, height, width, generator=generator)


def test_the_paper_s_weights() -> None:
    color, alpha = images(0)
    target, target_alpha = images(1)
    expected = 10_000 * ((color - target) ** 2).mean() + 1_000 * ((alpha - target_alpha) ** 2).mean()
    torch.testing.assert_close(KnownViewLoss(PAPER)(color, alpha, target, target_alpha), expected)
    assert KnownViewLoss(PAPER)(target, target_alpha, target, target_alpha) == 0


def test_the_robust_form_grows_linearly_and_is_per_area_of_the_object() -> None:
    """One wrong pixel in an object of twelve."""
    loss = KnownViewLoss(KnownViewSettings(color=2.0, mask=0.0, robust=0.01, camouflage=0.0))
    target, mask = torch.full((1, 3, 8, 8), 0.5), torch.zeros(1, 1, 8, 8)
    mask[..., 2:5, 2:6] = 1
    values = []
    for error in (0.1, 0.2, 0.4):
        color = target.clone()
        color[0, 1, 3, 3] += error
        values.append(float(loss(color, mask, target, mask)))
        assert values[-1] == pytest.approx(2.0 * (np.hypot(error, 0.01) - 0.01) / 12, rel=1e-4)
    assert values[2] / values[1] == pytest.approx(2, rel=0.05)


def test_the_robust_form_s_mask_term() -> None:
    loss = KnownViewLoss(KnownViewSettings(color=0.0, mask=3.0, robust=0.01, camouflage=0.0))
    picture, mask = torch.full((1, 3, 8, 8), 0.5), torch.zeros(1, 1, 8, 8)
    mask[..., :4, :] = 1
    too_big = mask.clone()
    too_big[..., 4, :] = 0.5
    assert float(loss(picture, too_big, picture, mask)) == pytest.approx(3.0 * 8 * 0.25 / 32)


def test_a_frame_without_its_object_is_a_number_still() -> None:
    picture, mask = images(0)
    value = KnownViewLoss(KnownViewSettings())(picture, mask, torch.ones(2, 3, 8, 8), torch.zeros(2, 1, 8, 8))
    assert torch.isfinite(value) and value > 0


@pytest.mark.parametrize(("shade", "share"), [(1.0, 0.0), (0.9, 0.5), (0.8, 1.0), (0.0, 1.0)])
def test_what_looks_like_the_background_is_not_missed_there(shade: float, share: float) -> None:
    """A solid pixel of gray `shade` where the video shows white background, with a camouflage of 0.2."""
    plain = KnownViewLoss(KnownViewSettings(color=0.0, mask=1.0, robust=0.01, camouflage=0.0))
    blind = KnownViewLoss(KnownViewSettings(color=0.0, mask=1.0, robust=0.01, camouflage=0.2))
    target, mask = torch.ones(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)
    target[..., 5:, :], mask[..., 5:, :] = 0.3, 1
    color, alpha = target.clone(), mask.clone()
    color[..., 1, 1], alpha[..., 1, 1] = shade, 1
    full = plain(color, alpha, target, mask)
    assert float(full) == pytest.approx(1 / 24)
    torch.testing.assert_close(blind(color, alpha, target, mask), share**2 * full)
    # where the video shows the object nothing is forgiven, however white the render
    color, alpha = target.clone(), mask.clone()
    color[..., 6, 1], alpha[..., 6, 1] = 1, 0
    torch.testing.assert_close(blind(color, alpha, target, mask), plain(color, alpha, target, mask))


@pytest.mark.parametrize("settings", [PAPER, KnownViewSettings()])
def test_the_loss_of_all_frames_is_the_mean_of_each(settings: KnownViewSettings) -> None:
    pictures = (*images(0), *images(1))
    single = [KnownViewLoss(settings)(*(one[i : i + 1] for one in pictures)) for i in range(2)]
    torch.testing.assert_close(KnownViewLoss(settings)(*pictures), torch.stack(single).mean())


def square_clip(left: int, top: int, side: int = 20) -> tuple[Clip, np.ndarray]:
    frames, alpha = np.full((2, 60, 90, 3), 255, np.uint8), np.zeros((2, 60, 90), np.float32)
    for index in range(2):
        rows, columns = slice(max(0, top), top + side), slice(max(0, left + 4 * index), left + 4 * index + side)
        frames[index, rows, columns], alpha[index, rows, columns] = (200, 50, 25), 1
    return Clip(frames, None, 24.0, (90, 60)), alpha


@pytest.mark.parametrize(("left", "top"), [(30, 20), (-6, 20), (30, -5), (60, 35)])
def test_the_reference_is_cropped_and_its_camera_with_it(left: int, top: int) -> None:
    """What K of the whole frame sees in a pixel, K of the crop sees in the same place of the crop, border or not."""
    clip, alpha = square_clip(left, top)
    reference = make_reference(clip, judge(alpha, "alpha"), 40.0, 64)
    assert reference.size == (64, 64) and reference.frames == 2 and reference.usable.all()
    full = intrinsics_for(40.0, 90, 60)
    scale = reference.intrinsics[0, 0] / full[0, 0]
    for frame in range(2):
        where = np.argwhere(alpha[frame] > 0.5) + 0.5  # rows, columns
        ray = (where.mean(axis=0)[::-1] - full[:2, 2]) / full[0, 0]
        seen = reference.intrinsics[:2, :2] @ ray + reference.intrinsics[:2, 2]
        cover = reference.alpha[frame, 0]
        grid = torch.arange(64) + 0.5
        found = torch.stack([(cover.sum(0) * grid).sum(), (cover.sum(1) * grid).sum()]) / cover.sum()
        np.testing.assert_allclose(found, seen, atol=0.15)
        assert float(cover.sum()) == pytest.approx(alpha[frame].sum() * scale**2, rel=0.02)
        inside = reference.color[frame][:, cover > 0.999].mean(1)
        np.testing.assert_allclose(inside, np.array([200, 50, 25]) / 255, atol=0.01)
        assert (reference.color[frame][:, cover == 0] == 1).all()


def test_frames_without_the_object_are_marked() -> None:
    clip, alpha = square_clip(30, 20)
    alpha[1] = 0
    assert make_reference(clip, judge(alpha, "alpha"), 40.0, 32).usable.tolist() == [True, False]


@pytest.mark.parametrize("camouflage", [0.0, 0.15])
def test_the_kernel_compares_as_the_tensors_do(camouflage: float) -> None:
    """In float64, which the tensors compute, and with each frame's gradient by itself."""
    loss = KnownViewLoss(KnownViewSettings(camouflage=camouflage))
    shown, wanted = images(0), images(1)

    def compared(kind: torch.dtype) -> list[torch.Tensor]:
        leaves = [one.detach().clone().to(kind).requires_grad_() for one in shown]
        losses = loss.per_frame(*leaves, *(one.to(kind) for one in wanted))
        (losses * torch.tensor([1.0, 3.0])).sum().backward()
        return [losses.detach().float(), *(leaf.grad.float() for leaf in leaves if leaf.grad is not None)]

    for kernel, tensors in zip(compared(torch.float32), compared(torch.float64), strict=True):
        torch.testing.assert_close(kernel, tensors, rtol=1e-5, atol=1e-6 * float(tensors.abs().max()))
