"""One view of one frame at a time, as tracking looks at it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..motion.skeleton import Motion
from ..rendering import Cameras, Gaussians
from .animated_asset import AnimatedAsset
from .known_views import KnownViewLoss
from .view import View


class FrameView:
    """One view of the frame at hand, in tensors that all frames share."""

    def __init__(self, view: View, known: KnownViewLoss, blur: int) -> None:
        self.view, self.known, self.blur = view, known, blur
        self.every, self.usable = view.cameras(), view.usable()
        self.viewmat, self.color, self.alpha, self.weight = (torch.empty_like(one[:1]) for one in self._all())

    @torch.no_grad()
    def show(self, frame: int) -> None:
        """This frame from now on."""
        for one, every in zip((self.viewmat, self.color, self.alpha, self.weight), self._all(), strict=True):
            one.copy_(every[frame : frame + 1])

    def _all(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.every.viewmats, self.view.reference.color, self.view.reference.alpha, self.usable

    def losses(self, animated: AnimatedAsset, shown: Gaussians, motion: Motion) -> tuple[Tensor, Tensor]:
        """(B,) each: the known-view loss of B poses, `shown` in `motion`, and that of blurred pictures; 0 where this view does not show it."""
        count = len(shown.means)
        cameras = Cameras(self.viewmat.expand(count, 4, 4), self.every.Ks[:1].expand(count, 3, 3))
        picture = animated.render(animated.lit(shown, motion, None, self.view.lighting), cameras, self.view.size)
        pictures = (picture.color, picture.alpha, *(one.expand(count, -1, -1, -1) for one in (self.color, self.alpha)))
        blurred = (avg_pool2d(one, self.blur) for one in pictures)
        return self.weight * self.known.per_frame(*pictures), self.weight * self.known.per_frame(*blurred)
