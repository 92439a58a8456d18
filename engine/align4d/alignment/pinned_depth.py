"""The motion prior where the artist has told some poses: which of its hypotheses hold is known there, and how far each is off."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..lifting.network import DepthModes
from ..motion.skeleton import Motion
from .lifted_depth import LiftedDepth

SURER = 4.0
"""How many frames of the clip a pinned one counts for when the hypotheses of a point compete."""


def tell_pins(lifted: LiftedDepth, motion: Motion, shares: Mapping[int, Tensor]) -> None:
    """Corrects what the prior has just said of a motion.

    Args:
        lifted: asked about `motion`.
        motion: T frames, in which the pinned ones stand as pinned.
        shares: (T,) of each pinned frame: how much of what is off there is off in every frame.
    """
    depth, modes = lifted.depth(motion), lifted.modes
    log_share, moved = modes.log_share, modes.depth.clone()
    for frame, share in shares.items():
        off = depth[frame][:, None] - modes.depth[frame]
        log_share = log_share - SURER * ((1 + (off / modes.spread[frame]) ** 2).sqrt() - 1)
        moved += share[:, None, None] * off
    lifted.modes = DepthModes(moved, modes.spread, log_share.log_softmax(-1))
