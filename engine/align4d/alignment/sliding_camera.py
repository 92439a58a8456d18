"""A camera that slides while it turns: what is near goes by faster than what lies behind.

A background that is far away shows how a camera turns, and hides how it moves. Where it does both at once, as one that is swung around in
somebody's hands, the body seems to go against the turn, and as far as that goes. A body that is followed by the camera goes with the turn.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ..motion.skeleton import Skeleton
from .animated_asset import AnimatedAsset
from .standing_place import moved_body
from .track import Track

LEAST_TURN = 0.03
"""How far a camera has to turn, at the body's distance, to be no shake of a hand [longest sides]."""
MOST = 1.0
"""A body that goes farther against the turn, in parts of what that makes at its distance, moves by itself."""
ALIKE = 0.5
"""Least part of the body's motion along the turn that has to go as that does, in squares: with less, it mostly moves by itself."""


def slide(turns: np.ndarray, places: np.ndarray) -> np.ndarray | None:
    """(T, 3) how far a camera has moved in each frame since the first one; None where nothing tells that it has.

    Args:
        turns: (T, 3, 3) rotations from the first camera's space to each one's.
        places: (T, 3) where the body seems to be, in the first camera's space, of a camera that only turns.
    """
    passed = places[0, 2] * (turns[:, 2] - turns[0, 2])
    passed[:, 2] = 0
    farthest = passed[np.linalg.norm(passed, axis=1).argmax()]
    if np.linalg.norm(farthest) < LEAST_TURN:
        return None
    along, gone = (one @ farthest / np.linalg.norm(farthest) for one in (passed, places - places[0]))
    against = -float(gone @ along / (along @ along))
    left = gone + against * along
    if not 0 < against <= MOST or left @ left > (1 - ALIKE) * (gone @ gone):
        return None
    found: np.ndarray = against * passed
    return found


@torch.no_grad()
def unslid(
    animated: AnimatedAsset, skeleton: Skeleton, tracked: Track, start: np.ndarray, moves: np.ndarray
) -> tuple[Track, np.ndarray, float] | None:
    """The track of all frames, the camera's moves and by how much it slides [longest sides], where it does; the picture is the same.

    Args:
        start: (4, 4) world to camera, in the clip's first frame.
        moves: (T, 4, 4) of a camera that turns, see `cameras.path.moves`.
    """
    middle = animated.perform(skeleton.pose(tracked.turn, tracked.shift)).means.mean(1).cpu().numpy().astype(np.float64)
    slid = slide(moves[:, :3, :3], middle @ start[:3, :3].T + start[:3, 3])
    if slid is None:
        return None
    moved = np.tile(np.eye(4), (len(slid), 1, 1))
    moved[:, :3, 3] = -slid
    shift = moved_body(skeleton, tracked.shift, slid @ start[:3, :3])
    return replace(tracked, shift=shift), moves @ moved, float(np.linalg.norm(slid, axis=1).max())
