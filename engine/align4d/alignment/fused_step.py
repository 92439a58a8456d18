"""Steps to the pose of a frame by a GPU's kernels alone, see `cuda.look`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..motion.skeleton import Skeleton
from ..rendering.types import not_finite
from .animated_asset import AnimatedAsset
from .frame_view import FrameView
from .pose_cost import PoseCost
from .pose_curvature import PoseCurvature

if TYPE_CHECKING:
    from .cuda.look import FusedLook

TOGETHER = 4
"""Poses that are judged at once."""


class FusedStep:
    """What a `FrameStep` asks of the kernels.

    Args:
        view: the one clip, in the light of the asset.
        curvature: None where no step knows how the cost curves.
        lever: (K, 6) of a joint's scaled turn and shift.
    """

    def __init__(
        self, animated: AnimatedAsset, skeleton: Skeleton, view: FrameView, cost: PoseCost, curvature: PoseCurvature | None, lever: Tensor
    ) -> None:
        self.given = animated, skeleton, view, cost, lever
        self.curvature, self.lever = curvature, lever
        self.one = self._look(1)
        self.own = None if curvature is None else torch.diag(curvature.own)

    def _look(self, slots: int) -> FusedLook:
        # it needs Triton
        from .cuda.look import FusedLook

        return FusedLook(*self.given, slots)

    @cached_property
    def some(self) -> FusedLook:
        """For poses that are judged."""
        return self._look(TOGETHER)

    @property
    def joints(self) -> Tensor:
        """(6K,) scaled."""
        return self.one.joints[0]

    @property
    def known(self) -> Tensor:
        """The known-view loss where it last looked."""
        return self.one.told[0, 1]

    def show(self, frame: int) -> None:
        """This frame from now on."""
        self.one.show(frame)

    def begin(self, joints: Tensor, steps: int) -> None:
        """From scaled joints (6K,), so many steps down."""
        self.one.joints.copy_(joints[None])
        for one in (self.one.first, self.one.second, self.one.steps):
            one.zero_()
        self.one.counts.fill_(steps)

    def descend(self) -> None:
        """A step down the gradient."""
        self.one.look()
        self.one.feel()
        self.one.descend()

    @torch.no_grad()
    def looked_at(self, joints: Tensor, is_first: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `FrameStep.looked_at`; what the edges add to the curvature is found where it `is_first`: it hardly changes in a dozen pictures."""
        look, curvature = self.one, self.curvature
        assert curvature is not None and self.own is not None
        look.joints.copy_(joints[None])
        look.look(keep=True)
        look.feel(share=True)
        if is_first:
            look.keep_edges(curvature.of_edges(look.motion())[None])
        return look.told[0, 0], look.told[0, 1], look.gradient[0], look.curvature(self.own)[0]

    @torch.no_grad()
    def judge(self, frame: int, turn: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """As `FrameStep.judge`."""
        look, told = self.some, []
        look.show(frame)
        for some in (torch.cat([turn, shift], -1) / self.lever).flatten(1).split(TOGETHER):
            look.joints.copy_(some[torch.arange(TOGETHER, device=some.device).clamp(max=len(some) - 1)])
            look.judge()
            told.append(look.told[: len(some)].clone())
        found = torch.cat(told)
        if not bool(torch.isfinite(found).all()):
            raise not_finite("A pose, or what it shows, held values that are NaN or infinite.")
        return found[:, 0], found[:, 1]
