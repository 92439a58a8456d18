"""What the lifter is trained to minimize."""

from __future__ import annotations

import torch
from torch import Tensor

from align4d.lifting.network import DepthModes
from align4d.lifting.tokens import LEAST_MOTION, Tracks, project

INDEPENDENT_FRAMES = 6.0
"""As many frames of a clip count as independent when the modes of a point compete: errors of neighboring frames are alike."""

NEIGHBORS = 5
"""Nearest points, against which a point's depth is compared."""

L1, NEIGHBOR, STEP = 0.5, 0.5, 0.5
"""Weights of the errors of the depth, of its differences between neighbors and of its steps between frames."""

LEAST_DEPTH = 0.3
"""Added to a clip's mean depth before errors are divided by it, in units of its motion in the picture."""


def lifter_loss(modes: DepthModes, tracks: Tracks, depth: Tensor) -> dict[str, Tensor]:
    """Terms by name, to be added, of the true change of depth (B, T, P)."""
    unit = _unit(tracks)
    true = depth / unit
    yardstick = true.abs().mean((1, 2), keepdim=True) + LEAST_DEPTH
    error = (modes.mean / unit - true) / yardstick
    nearest = torch.cdist(tracks.rest, tracks.rest).topk(NEIGHBORS + 1, largest=False).indices[..., 1:]
    columns = nearest.flatten(1)[:, None].expand(-1, error.shape[1], -1)
    beside = error.gather(2, columns).unflatten(2, (-1, NEIGHBORS)) - error[..., None]
    return {
        "likelihood": _negative_log_likelihood(modes, depth, unit),
        "depth": L1 * error.abs().mean(),
        "neighbors": NEIGHBOR * beside.abs().mean(),
        "steps": STEP * error.diff(dim=1).abs().mean(),
    }


def _negative_log_likelihood(modes: DepthModes, depth: Tensor, unit: Tensor) -> Tensor:
    """Of the mixture, a frame, in units of the clip's motion in the picture."""
    each = (modes.depth - depth[..., None]).abs() / modes.spread + (modes.spread / unit[..., None]).log()
    point = INDEPENDENT_FRAMES * each.clamp(-8, 30).mean(1)
    return -(modes.log_share - point).logsumexp(-1).mean() / INDEPENDENT_FRAMES


def _unit(tracks: Tracks) -> Tensor:
    """(B, 1, 1) root mean square motion in the picture, as the tokens' own."""
    moved = tracks.picture - project(tracks.rest, tracks.distance)[0][:, None]
    return moved.square().sum(-1).mean((1, 2), keepdim=True).sqrt() + LEAST_MOTION
