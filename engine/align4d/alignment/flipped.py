"""Limbs that the artist has let go the other way: in which frames they are solved, and what the motion prior is told of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..lifting.network import DepthModes
from ..motion.skeleton import Motion
from ..protocol import FlipSpec
from ..protocol.flip import limb_of, shares
from .lifted_depth import LiftedDepth

BESIDE = 4
"""Frames before and after those of a flip that are solved with it: the limb comes from its old way, and goes back to it."""


def joints_around(flips: Sequence[FlipSpec], frames: int, parent: np.ndarray) -> np.ndarray:
    """(T, K) bool of a clip's frames and the joints of parts with these parents: those of limbs in the frames of their flips, and some beside."""
    touched = np.zeros((frames, len(parent)), bool)
    for spec in flips:
        touched[max(spec.first - BESIDE, 0) : spec.last + BESIDE + 1, limb_of(parent, spec.part)] = True
    return touched


def tell_flips(lifted: LiftedDepth, motion: Motion, flips: Sequence[FlipSpec], parent: np.ndarray) -> None:
    """Corrects what the prior has just said of a motion in which limbs go the other way: in those frames they are where they stand.

    Args:
        lifted: asked about `motion`, T frames.
        parent: (K,) of each part, see `PartMotion`.
    """
    depth, modes, weights = lifted.depth(motion), lifted.modes, lifted.surface.weights
    for spec in flips:
        share = torch.from_numpy(shares(spec, len(depth))).to(depth)[:, None] * weights[:, limb_of(parent, spec.part)].sum(1)
        modes = DepthModes(modes.depth + share[..., None] * (depth[..., None] - modes.depth), modes.spread, modes.log_share)
    lifted.modes = modes
