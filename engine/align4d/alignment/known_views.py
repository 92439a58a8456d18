"""How well renders agree with the video from the video's own camera: the known views."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .compared_pictures import compare


@dataclass(frozen=True)
class KnownViewSettings:
    """Weights of eq. 6.

    Attributes:
        color: of the color term.
        mask: of the mask term.
        robust: where above 0, the color error is sqrt(e^2 + robust^2) - robust in the place of e^2: cast shadows and
            highlights, which no albedo explains, then count for less. Beyond the paper.
        camouflage: where above 0, the mask counts less where the render's color differs from the video's by less than
            this: white fur on white is neither seen nor missed. Beyond the paper.
    """

    color: float = 0.5
    mask: float = 1.0
    robust: float = 0.03
    camouflage: float = 0.15


PAPER = KnownViewSettings(color=10_000.0, mask=1_000.0, robust=0.0, camouflage=0.0)
"""The paper's weights; it multiplies them by step / iterations."""


class KnownViewLoss:
    """L_known, eq. 6: color and mask of rendered frames against the video's.

    With the paper's settings it is mean((R - I)^2) and mean((alpha - M)^2), times their weights. The robust form is
    divided by the object's area in the place of the picture's, so that a small object does not count less.

    Args:
        settings: weights.
    """

    def __init__(self, settings: KnownViewSettings) -> None:
        self.settings = settings

    def __call__(self, color: Tensor, alpha: Tensor, target: Tensor, target_alpha: Tensor) -> Tensor:
        """A scalar: the mean over frames. Colors (F, 3, H, W), masks (F, 1, H, W)."""
        return self.per_frame(color, alpha, target, target_alpha).mean()

    def per_frame(self, color: Tensor, alpha: Tensor, target: Tensor, target_alpha: Tensor) -> Tensor:
        """(F,) the loss of each frame."""
        settings = self.settings
        if settings.robust > 0 and color.device.type == "cpu" and color.dtype == torch.float32:
            weights = settings.color, settings.mask, settings.robust, settings.camouflage
            return compare(color, alpha, target, target_alpha, weights)
        wrong, uncovered = color - target, alpha - target_alpha
        if settings.robust <= 0:
            return settings.color * (wrong**2).mean(dim=(1, 2, 3)) + settings.mask * (uncovered**2).mean(dim=(1, 2, 3))
        if settings.camouflage > 0:
            # where both show the same color, nobody can see whether it is object or background
            visible = wrong.detach().abs().amax(1, keepdim=True) / settings.camouflage
            uncovered = uncovered * visible.clamp(0, 1)
        area = target_alpha.sum(dim=(1, 2, 3)).clamp_min(1.0)
        robust = (wrong**2 + settings.robust**2).sqrt() - settings.robust
        return (settings.color * robust.sum(dim=(1, 2, 3)) + settings.mask * (uncovered**2).sum(dim=(1, 2, 3))) / area
