"""One view of one frame at a time, as tracking looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ..motion.skeleton import Motion
from ..rendering import Cameras, Gaussians, Rendering
from .animated_asset import AnimatedAsset
from .known_views import KnownViewLoss
from .picture_curvature import picture_curvature
from .reference import in_front
from .view import View

Pictures = tuple[Tensor, Tensor, Tensor, Tensor]
"""Color and alpha, rendered, and those of the video; of B poses each."""


@dataclass(frozen=True)
class Look:
    """B poses, as one view shows them.

    Attributes:
        lit: the Gaussians in the light of the view.
        picture: of them.
        known: (B,) the known-view loss; 0 where the view does not show the frame.
        blurred: (B,) that of blurred pictures.
    """

    lit: Gaussians
    picture: Rendering
    known: Tensor
    blurred: Tensor


class FrameView:
    """One view of the frames at hand, in tensors that all frames share: one frame, or one for each of so many `slots`."""

    def __init__(self, view: View, known: KnownViewLoss, blur: int, slots: int = 1) -> None:
        self.view, self.known, self.blur = view, known, blur
        self.every, self.usable = view.cameras(), view.usable()
        reference, backdrop = view.reference, view.reference.backdrop
        shown = [reference.color] if backdrop is None else [backdrop.shown, backdrop.behind]
        blurred = [avg_pool2d(one, blur) for one in (shown[0], reference.alpha)]
        self.all = [self.every.viewmats, reference.alpha, self.usable, *shown, *blurred]
        self.here = [one[:1].repeat(slots, *(1,) * (one.dim() - 1)) for one in self.all]
        self.viewmat, self.alpha, self.weight, self.color = self.here[:4]
        self.behind = None if backdrop is None else self.here[4]
        self.blurred = self.here[-2:]

    @torch.no_grad()
    def show(self, frames: Tensor) -> None:
        """These frames (slots,) from now on."""
        for one, every in zip(self.here, self.all, strict=True):
            one.copy_(every.index_select(0, frames))

    def look(self, animated: AnimatedAsset, shown: Gaussians, motion: Motion) -> Look:
        """B poses, `shown` in `motion`."""
        count = len(shown.means)
        cameras = Cameras(self.viewmat.expand(count, 4, 4), self.every.Ks[:1].expand(count, 3, 3))
        lit = animated.lit(shown, motion, None, self.view.lighting)
        picture = animated.render(lit, cameras, self.view.size)
        pictures = self._compared(picture)
        known, blurred = (self.weight * self.known.per_frame(*one) for one in (pictures, self._blurred(pictures)))
        return Look(lit, picture, known, blurred)

    def _compared(self, picture: Rendering) -> Pictures:
        count = len(picture.color)
        color = picture.color if self.behind is None else in_front(picture.color, picture.alpha, self.behind)
        return color, picture.alpha, self.color.expand(count, -1, -1, -1), self.alpha.expand(count, -1, -1, -1)

    def _blurred(self, pictures: Pictures) -> Pictures:
        color, alpha = (avg_pool2d(one, self.blur) for one in pictures[:2])
        target, target_alpha = (one.expand(len(color), -1, -1, -1) for one in self.blurred)
        return color, alpha, target, target_alpha

    def curvature(self, look: Look) -> Tensor:
        """(N, 2, 2) by how much the losses of one pose curve as each Gaussian moves in the picture [1 / px^2].

        What a pixel's loss curves is shared out among the Gaussians as its color is: that is the rasterizer's own gradient by the colors.
        """
        with torch.no_grad():
            pictures, on_white = self._compared(look.picture), look.picture.color
            coarse_behind = None if self.behind is None else avg_pool2d(self.behind, self.blur)
            sharp = picture_curvature(pictures, on_white, self.behind, self.known.settings)
            coarse = picture_curvature(self._blurred(pictures), avg_pool2d(on_white, self.blur), coarse_behind, self.known.settings)
            # a square of blur x blur pixels moves by 1 / blur of its side when they move by one, and each has its part of it
            per_pixel = self.weight * (sharp + interpolate(coarse, scale_factor=self.blur) / self.blur**4)
        # as a sum, since torch looks at a gradient that is given by what takes seconds to load
        with torch.enable_grad():
            shared = (look.picture.color * per_pixel).sum()
        across = torch.autograd.grad(shared, look.lit.colors, retain_graph=True)[0].reshape(-1, 3)
        along_x, mixed, along_y = across.unbind(-1)
        return torch.stack([along_x, mixed, mixed, along_y], -1).unflatten(-1, (2, 2))

    def projection(self, means: Tensor) -> Tensor:
        """(N, 2, 3) by how many pixels places (N, 3) move in the picture as they move in space."""
        turn, away = self.viewmat[0, :3, :3], self.viewmat[0, :3, 3]
        x, y, z = (means @ turn.T + away).unbind(-1)
        scale = self.every.Ks[0].diagonal()[:2] / z.clamp_min(1e-3)[:, None]
        zero = torch.zeros_like(z)
        along = torch.stack([torch.stack([zero + 1, zero, -x / z], -1), torch.stack([zero, zero + 1, -y / z], -1)], -2)
        return scale[..., None] * (along @ turn)
