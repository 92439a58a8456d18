"""What changes at a place of the background as the camera sees it, over the clip and in one frame: where something moves, it is the object.

How much that says depends on the clip: a body that stands still changes little, a background of leaves changes everywhere. So what is usual
in the object and in the background is counted where the masks so far say that they are.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .camera_motion import CameraMotion, pull
from .counted import counted_odds
from .plate import MISFIT, spread_over

STEPS = np.array([1.5, 2.5, 4.0, 7.0, 12.0])
"""Where the grades of change part, in standard deviations of what the background changes by."""
GRADES = len(STEPS) + 1
LEAST_NOISE = 1.5
"""Standard deviation, of 255, that a background has at least."""
SHADE = 0.5
"""A place that is so dark beside what it usually is, or that is so in the other direction, may only be in shadow."""
IN_SHADE = 0.15
"""How much of a change counts that a shadow can make."""
DETAIL = 6.0
"""Gradient, of 255 a pixel, above which a place has detail that shows whether it moves."""
PRIOR = 30.0
"""Pixels of each class that both have before any is counted."""
STILL_DETAIL = 1.0
"""What detail that stays where it is over the whole clip says for the background beside what is counted, as a logarithm of odds."""
MOST_FRAMES = 48
"""Frames that the usual picture is made of, spread over the clip."""


class Change:
    """How every pixel of a clip changes.

    Args:
        frames: (T, H, W, 3) float32 in [0, 255].
        motion: of the background.
    """

    def __init__(self, frames: np.ndarray, motion: CameraMotion) -> None:
        self._frames, self._motion = frames, motion
        chosen = spread_over(len(frames), MOST_FRAMES)
        still = np.stack([pull(frames[frame], motion.homographies[frame]) for frame in chosen])
        still = np.where(np.isfinite(still), still, frames[0])
        self._usual = np.median(still, axis=0)
        away = np.sqrt(np.mean([_apart(picture, self._usual) ** 2 for picture in still], axis=0))
        self._noise = max(LEAST_NOISE, float(np.median(away)))
        self._over_clip = np.digitize(away / self._deviation(self._usual), STEPS).astype(np.float32)

    def classes(self, frame: int) -> np.ndarray:
        """(H, W) int: grade over the clip, grade in this frame, and whether there is detail, as one class; -1 where the first frame ends."""
        back = np.linalg.inv(self._motion.homographies[frame])
        usual, over_clip = pull(self._usual, back), pull(self._over_clip, back)
        seen = np.isfinite(over_clip)
        usual = np.where(seen[..., None], usual, 0)
        here = np.digitize(_apart(self._frames[frame], usual) / self._deviation(usual), STEPS)
        detail = ndimage.gaussian_gradient_magnitude(usual.mean(axis=2), 1.0) > DETAIL
        return np.where(seen, (np.nan_to_num(over_clip).round().astype(int) * GRADES + here) * 2 + detail, -1)

    def _deviation(self, picture: np.ndarray) -> np.ndarray:
        """(H, W) of each channel: noise, and edges that are not quite where they were."""
        return np.hypot(self._noise, MISFIT * ndimage.gaussian_gradient_magnitude(picture.mean(axis=2), 1.0))


def log_odds(of_object: np.ndarray, of_background: np.ndarray) -> np.ndarray:
    """(K + 1,) float32 log odds of each class for the object, from classes (N,) that were counted in both; the last, of class -1, is 0."""
    odds = counted_odds(of_object[of_object >= 0], of_background[of_background >= 0], 2 * GRADES**2, PRIOR)
    odds[1 : 2 * GRADES : 2] -= STILL_DETAIL
    return np.append(odds, 0.0).astype(np.float32)


def _apart(picture: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """(H, W) how much two pictures (H, W, 3) differ, root mean square of the channels; little where a shadow can make the difference."""
    shade = ((picture * usual).sum(axis=2) / np.maximum((usual**2).sum(axis=2), 1)).clip(SHADE, 1 / SHADE)
    beside = ((picture - shade[..., None] * usual) ** 2).mean(axis=2)
    return np.sqrt(beside + IN_SHADE**2 * ((picture - usual) ** 2).mean(axis=2))
