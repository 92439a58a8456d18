"""How well a motion agrees with all clips that were given of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..motion.skeleton import Motion
from ..rendering import Cameras, Gaussians
from .animated_asset import AnimatedAsset
from .known_views import KnownViewLoss
from .lighting import Lighting
from .view import View


class ViewLosses:
    """The known-view loss, in the mean over the frames of all views that show the object.

    Args:
        views: with as many frames each.
        known: of one view.
    """

    def __init__(self, views: tuple[View, ...], known: KnownViewLoss) -> None:
        self.views, self.known = views, known
        self.cameras = [view.cameras() for view in views]
        self.usable = [view.usable() for view in views]

    def __call__(
        self,
        animated: AnimatedAsset,
        shown: Gaussians,
        motion: Motion,
        offset: Tensor | None,
        frames: Tensor,
        lights: Sequence[Lighting | None] | None = None,
    ) -> Tensor:
        """A number.

        Args:
            shown: what `animated` performs of `motion` and `offset` in `frames` (F,).
            lights: of the views, where these are not their own.
        """
        losses = []
        lit_by = lights or [view.lighting for view in self.views]
        for view, cameras, usable, lighting in zip(self.views, self.cameras, self.usable, lit_by, strict=True):
            chosen = Cameras(cameras.viewmats.index_select(0, frames), cameras.Ks[: len(frames)])
            picture = animated.render(animated.lit(shown, motion, offset, lighting), chosen, view.size)
            compared = view.reference.compared(picture.color, picture.alpha, frames)
            losses.append((usable.index_select(0, frames) * self.known.per_frame(*compared)).sum())
        total: Tensor = sum(losses[1:], losses[0]) / self.shown_in(frames).clamp_min(1)
        return total

    def shown_in(self, frames: Tensor) -> Tensor:
        """A number: in how many of `frames` (F,) each view shows the object, added up over the views."""
        return torch.stack([usable.index_select(0, frames).sum() for usable in self.usable]).sum()
