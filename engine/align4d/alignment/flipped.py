"""Limbs that the artist has let go the other way: which frames are solved with them, and what the motion prior is told of them."""

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


def frames_around(flips: Sequence[FlipSpec], frames: int) -> np.ndarray:
    """(T,) bool of a clip's frames: those of flips, and some beside them."""
    touched = np.zeros(frames, bool)
    for spec in flips:
        touched[max(spec.first - BESIDE, 0) : spec.last + BESIDE + 1] = True
    return touched


def tell_flips(lifted: LiftedDepth, motion: Motion, flips: Sequence[FlipSpec], parent: np.ndarray) -> None:
    """Corrects what the prior has just said of a motion in which limbs go the other way: in those frames they are where they stand.

    Args:
        lifted: asked about `motion`, T frames.
        parent: (K,) of each part, see `PartMotion`.
    """
    depth, modes, surface = lifted.depth(motion), lifted.modes, lifted.surface
    weights = (surface.skin.weights.unflatten(0, (-1, 3)) * surface.bound.barycentric[..., None]).sum(1)
    for spec in flips:
        share = torch.from_numpy(shares(spec, len(depth))).to(depth)[:, None] * weights[:, limb_of(parent, spec.part)].sum(1)
        modes = DepthModes(modes.depth + share[..., None] * (depth[..., None] - modes.depth), modes.spread, modes.log_share)
    lifted.modes = modes
