"""A pose that kernels alone look at costs what it costs as tensors, and so do its gradient and how that curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_tracking import STILL, TRACKING, Show, seen
from test_tracking import show as show  # the fixture

from align4d.alignment.animated_asset import AnimatedAsset
from align4d.alignment.direct_look import DirectPoint
from align4d.alignment.frame_step import FramePoint, FrameStep
from align4d.alignment.held import Held
from align4d.alignment.reference import Backdrop, Reference
from align4d.errors import EngineError
from align4d.motion.joint_limits import limits_between

Case = Callable[[AnimatedAsset, Reference], tuple[AnimatedAsset, Reference]]


def plain(asset: AnimatedAsset, video: Reference) -> tuple[AnimatedAsset, Reference]:
    return asset, video


def before_a_wall(asset: AnimatedAsset, video: Reference) -> tuple[AnimatedAsset, Reference]:
    behind = torch.rand(video.color.shape, generator=torch.Generator().manual_seed(1))
    shown = video.color - (1 - video.alpha) * (1 - behind)
    return asset, replace(video, backdrop=Backdrop(shown, behind))


def held(asset: AnimatedAsset, video: Reference) -> tuple[AnimatedAsset, Reference]:
    count = asset.bound.count
    weight = torch.zeros(count, 2)
    weight[: count // 2, 0], weight[count // 2 :, 1] = 2 / count, 2 / count
    return replace(asset, held=Held(weight, asset.bound.means + 0.01)), video


def limited(asset: AnimatedAsset, video: Reference) -> tuple[AnimatedAsset, Reference]:
    still, whole = np.eye(3)[None], np.arange(3)[None]
    limits = limits_between(np.array([2, 0]), np.array([1]), np.array([2]), still, still, whole, np.full((1, 3), -0.01), np.full((1, 3), 0.01))
    return replace(asset, limits=limits), video


def unseen(asset: AnimatedAsset, video: Reference) -> tuple[AnimatedAsset, Reference]:
    return asset, replace(video, usable=np.array([True, False]))


@pytest.fixture(scope="module")
def video(show: Show) -> Reference:
    return show.video([0.0, 14.0])


@pytest.mark.parametrize("afloat", [False, True])
@pytest.mark.parametrize("case", [plain, before_a_wall, held, limited, unseen])
def test_a_look_by_kernels_is_the_look_by_tensors(show: Show, video: Reference, case: Case, afloat: bool) -> None:
    asset, reference = case(show.animated, video)
    step = FrameStep(asset, show.skeleton, seen(reference), 0.1 + STILL, TRACKING, afloat)
    step.judge(1, STILL, STILL)
    joints = 0.02 * torch.randn(6 * show.skeleton.count, generator=torch.Generator().manual_seed(0))
    assert step.direct is not None
    as_tensors, found = FramePoint(step, joints), DirectPoint(step.direct, joints)
    assert found.cost == pytest.approx(as_tensors.cost, rel=1e-5)
    assert found.known == pytest.approx(as_tensors.known, rel=1e-5, abs=1e-9)
    assert (found.gradient - as_tensors.gradient).norm() < 1e-4 * as_tensors.gradient.norm()
    curved = as_tensors.curvature()
    assert (found.curvature() - curved).norm() < 1e-4 * curved.norm()


def test_what_is_no_number_is_told(show: Show, video: Reference) -> None:
    step = FrameStep(show.animated, show.skeleton, seen(video), STILL, TRACKING)
    step.judge(1, STILL, STILL)
    with pytest.raises(EngineError, match="NaN"):
        step.point(torch.full((6 * show.skeleton.count,), float("nan")))
