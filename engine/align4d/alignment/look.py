"""How far the mesh looks like what the video shows: what of one frame it explains, in outline and in color."""

from __future__ import annotations

import torch

from ..motion.skeleton import Motion
from .animated_asset import AnimatedAsset
from .view import View

ALIKE = 0.15
"""Difference of a channel, of 1, up to which colors are alike."""


@torch.no_grad()
def look(animated: AnimatedAsset, motion: Motion, view: View) -> float:
    """Part in [0, 1] of what the frame or the mesh covers where both do, in colors that are alike.

    Args:
        motion: one frame, the pose of the mesh in that of `view`, which has one frame too.
    """
    reference = view.reference
    picture = animated.render(animated.perform(motion), view.cameras(), view.size)
    shown, true = picture.alpha[0, 0] > 0.5, reference.alpha[0, 0] > 0.5
    alike = (picture.color[0] - reference.color[0]).abs().amax(0) <= ALIKE
    return float((shown & true & alike).sum()) / max(float((shown | true).sum()), 1.0)
