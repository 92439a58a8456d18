"""Poses without the tremble that looking at each frame leaves in them.

A place is found in each frame up to a part of a pixel, so a body that glides trembles. How far frames are smoothed is told by the motion
itself: by as much as its accelerations at that time are small beside that tremble. Those of a kick are not, and stay.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import uniform_filter1d
from torch import Tensor

TREMBLE = 0.002
"""By how much the poses of single frames are off, one from the other [root mean square over the surface, longest sides]."""

APART = 2
"""Accelerations are taken over frames so far apart, where tremble is small beside them."""

NEARBY = 3
"""Accelerations count as those of a time up to so many frames from it."""

SURE = 1e6
"""Weight of a frame whose pose is known, in that of another one."""


def steadied(turn: Tensor, shift: Tensor, levers: tuple[Tensor, Tensor], known_frame: int | None) -> tuple[Tensor, Tensor]:
    """Turns and shifts (T, K, 3) of joints, smoothed over the frames: the likeliest ones of white tremble and white accelerations.

    Args:
        levers: of turns and of shifts, see `pose_levers.levers`.
        known_frame: the frame that keeps its pose; None where none does.
    """
    frames = len(turn)
    if frames <= 2 * APART:
        return turn, shift
    moved = torch.cat([turn / levers[0], shift / levers[1]], -1).flatten(1).double().cpu().numpy()
    stiff = TREMBLE**2 / np.maximum(_acceleration(moved), TREMBLE**4)
    bent = np.diff(np.eye(frames), n=2, axis=0)
    weight = np.ones(frames)
    if known_frame is not None:
        weight[known_frame] = SURE
    smooth = np.linalg.solve(np.diag(weight) + (bent.T * stiff) @ bent, weight[:, None] * moved)
    steady = torch.from_numpy(smooth).to(turn).unflatten(1, (turn.shape[1], 6))
    return steady[..., :3] * levers[0], steady[..., 3:] * levers[1]


def _acceleration(moved: np.ndarray) -> np.ndarray:
    """(T - 2,) mean squares around each frame but the first and the last, of a motion (T, D)."""
    over = moved[2 * APART :] - 2 * moved[APART:-APART] + moved[: -2 * APART]
    each = np.pad((over**2).sum(1) / APART**4, APART - 1, mode="edge")
    mean: np.ndarray = uniform_filter1d(each, 2 * NEARBY + 1, mode="nearest")
    return mean
