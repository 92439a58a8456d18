"""What a pinned pose shows beyond its joints, such as a sculpted muscle: exactly so in its frame, and less and less around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..motion.skeleton import Motion
from ..motion.skinning import Skin

FLAT = 0.2
"""A blend of parts that shrinks what it moves to less than this (a joint turned inside out) is taken for a mere move."""


class PinnedPoints:
    """Offsets of the bake points in the rest pose, one set for each pin.

    Args:
        skin: of the bake points.
        motion: T frames, the pinned ones as pinned.
        targets: (B, 3) positions of the bake points in each pinned frame.
        found: the (B, 3) positions that the joints alone give in a frame.
        shares: (T,) of each pin, how much of it each frame gets.
    """

    def __init__(
        self, skin: Skin, motion: Motion, targets: Mapping[int, np.ndarray], found: Callable[[int], np.ndarray], shares: Mapping[int, np.ndarray]
    ) -> None:
        self.skin, self.motion, self.shares = skin, motion, shares
        self.offsets = {}
        for frame, target in targets.items():
            away = target.astype(np.float64) - found(frame)
            self.offsets[frame] = np.linalg.solve(self._matrices(frame), away[..., None])[..., 0]

    def add(self, points: np.ndarray, frame: int) -> np.ndarray:
        """(B, 3) float32: the points of a frame with the pins' share in it."""
        if not self.offsets:
            return points
        offset = sum(self.shares[pin][frame] * one for pin, one in self.offsets.items())
        return (points + (self._matrices(frame) @ offset[..., None])[..., 0]).astype(np.float32)

    def _matrices(self, frame: int) -> np.ndarray:
        """(B, 3, 3) float64 by which each point is turned."""
        blend = self.skin.blend(self.motion.frame(frame))[0][0].double().cpu().numpy()
        return np.where((np.linalg.det(blend) > FLAT)[:, None, None], blend, np.eye(3))
