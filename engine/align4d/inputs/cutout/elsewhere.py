"""What other frames show at the same place of the background: where it looks as it does there, the object hides it in neither.

This tells an object from a background of its own colors. How alike two frames are where both show the background, and where one of them
shows the object, is counted where the masks so far say so: a background of leaves in the wind, or one that lies at many depths before a
camera that goes along, looks alike nowhere and says little.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .camera_motion import WHOLE, Area, CameraMotion, pull
from .plate import KEPT_OFF, MISFIT, spread_over
from .shapes import bounds

MOST_FRAMES = 24
"""Frames that each frame is compared with, spread over the clip."""
COUNTED = 6
"""So many of them are enough to count how alike frames are."""
NOISE = 3.0
"""Standard deviation, of 255, of a background's grain."""
PATCH = 1.0
"""Standard deviation of the window in which places are compared [px]."""
UNLIKE = 20.0
"""Squared deviations beyond which two places are as unlike as can be."""
STEPS = np.array([0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.2, 3.2, 4.5, 6.5, 9.0, 13.0])
"""Where the grades of difference part, in squared standard deviations."""
GRADES = len(STEPS) + 1
PRIOR = 30.0
"""Pixels of each grade that both have before any is counted."""
SURE = 0.9
"""Part of a place that has to be object, or background, for it to be counted."""
UNTOLD = 0.05
"""Weight, in frames, of knowing nothing."""


class Elsewhere:
    """The frames of a clip as the first frame's camera would see them.

    Args:
        frames: (T, H, W, 3) float32 in [0, 255].
        motion: of the background.
    """

    def __init__(self, frames: np.ndarray, motion: CameraMotion) -> None:
        self._motion = motion
        self._chosen = spread_over(len(frames), MOST_FRAMES)
        self._still = np.zeros(frames.shape, np.uint8)
        self._there = np.zeros(frames.shape[:3], bool)
        for index, frame in enumerate(frames):
            still = pull(frame, motion.homographies[index])
            self._there[index] = np.isfinite(still).all(axis=2)
            self._still[index] = np.nan_to_num(still).round()
        edges = [ndimage.gaussian_gradient_magnitude(self._still[one].mean(axis=2), 1.0) for one in self._chosen]
        self._variance = (2 * (NOISE**2 + (MISFIT * np.median(edges, axis=0)) ** 2)).astype(np.float32)
        self._alike = self._unlike = np.ones(GRADES)
        self._behind: dict[int, np.ndarray] = {}

    def learn(self, inside: np.ndarray, near: int) -> None:
        """By masks (T, H, W) in [0, 1]: where each frame shows the background, and how alike frames are up to `near` pixels around the object."""
        self.hide()
        objects = np.stack([pull(mask, at, outside=0.5) for mask, at in zip(inside, self._motion.homographies, strict=True)])
        around = ndimage.maximum_filter(objects.max(axis=0) > 0.5, 2 * near + 1)
        for one in self._chosen.tolist():
            self.show(one, inside[one])
        area, alike, unlike = bounds(around) or WHOLE, np.full(GRADES, PRIOR), np.full(GRADES, PRIOR)
        around = around[area]
        counted = self._chosen[:: max(1, len(self._chosen) // COUNTED)].tolist()
        for frame in self._chosen.tolist():
            for other in counted:
                if other != frame:
                    grade, seen = self._grades(frame, other, area), around & (self._behind[other][area] > SURE) & self._there[frame][area]
                    alike += np.bincount(grade[seen & (self._behind[frame][area] > SURE)], minlength=GRADES)
                    unlike += np.bincount(grade[seen & (objects[frame][area] > SURE)], minlength=GRADES)
        alike, unlike = alike / alike.sum(), unlike / unlike.sum()
        most = np.maximum(alike, unlike)
        self._alike, self._unlike = alike / most, unlike / most

    def hide(self) -> None:
        """From here on no frame shows any background, until `show` tells otherwise; what was counted stays."""
        self._behind = {}

    def show(self, frame: int, mask: np.ndarray) -> None:
        """Where a frame shows the background, by its mask (H, W) in [0, 1]; of the frames that are not compared with nothing is kept."""
        if frame in self._chosen:
            hidden = ndimage.maximum_filter(mask, 2 * KEPT_OFF + 1)
            self._behind[frame] = pull(1 - hidden, self._motion.homographies[frame], outside=0.0) * self._there[frame]

    def odds(self, frame: int, area: Area) -> np.ndarray:
        """(h, w) float32 log odds that each place of an area of a frame shows the background; 0 where no other frame does."""
        at = self._motion.homographies[frame]
        wanted, found = np.zeros(self._there.shape[1:], np.float32), np.zeros(self._there.shape[1:], np.float32)
        wanted[area] = 1
        still = bounds(pull(wanted, at, outside=0.0) > 0)
        if still is not None:
            alike = np.full(found[still].shape, UNTOLD, np.float32)
            unlike = alike.copy()
            for other, behind in self._behind.items():
                if other != frame:
                    grade = self._grades(frame, other, still)
                    alike += behind[still] * self._alike[grade]
                    unlike += behind[still] * self._unlike[grade]
            found[still] = np.where(self._there[frame][still], np.log(alike / unlike), 0)
        return pull(found, np.linalg.inv(at), outside=0.0, area=area)

    def _grades(self, frame: int, other: int, area: Area) -> np.ndarray:
        """(h, w) int: how unlike two frames are at each place of an area."""
        apart = ((self._still[frame][area].astype(np.float32) - self._still[other][area]) ** 2).mean(axis=2) / self._variance[area]
        return np.digitize(ndimage.gaussian_filter(np.minimum(apart, UNLIKE), PATCH), STEPS)
