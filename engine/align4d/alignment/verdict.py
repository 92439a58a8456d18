"""Whether a result shows the video better than a mesh that stands still: where it does not, nothing was gained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ..motion.hexplane import HexPlaneField, HexPlaneSettings
from ..motion.skeleton import Skeleton
from .known_views import KnownViewLoss, KnownViewSettings
from .refinement import Refined
from .view import View

LOOKS = 12
"""Frames that are compared, evenly over the clip."""


@torch.no_grad()
def known_view_loss(refined: Refined, view: View, settings: KnownViewSettings) -> float:
    """Mean known-view loss of a result over frames of a clip."""
    usable = np.flatnonzero(view.reference.usable)
    chosen = usable[np.linspace(0, len(usable) - 1, min(LOOKS, len(usable))).round().astype(int)]
    animated, known, losses = refined.animated, KnownViewLoss(settings), []
    for frame in chosen.tolist():
        motion, one = refined.motion.frame(frame), view.only(frame)
        offset = refined.field.centers_at(animated.bound.means, torch.tensor([frame], device=animated.bound.means.device))
        picture = animated.render(animated.perform(motion, offset), one.cameras(), one.size)
        losses.append(float(known(*one.reference.compared(picture.color, picture.alpha))))
    return float(np.mean(losses))


def standing_still(refined: Refined, skeleton: Skeleton, settings: HexPlaneSettings) -> Refined:
    """The same asset without any motion, in as many frames."""
    frames = len(refined.motion.offset)
    still = refined.motion.offset.new_zeros(frames, skeleton.count, 3)
    field = HexPlaneField(frames, settings, torch.Generator().manual_seed(0)).to(still.device)
    return replace(refined, motion=skeleton.pose(still, still), field=field)
