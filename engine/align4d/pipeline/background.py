"""How the camera of a video moves where nobody knows: it turns as the background does in the picture.

A camera that only turns moves all of its picture by one homography, and what is far away moves so whatever the camera does. Where the
background moves otherwise, such as beside a camera that goes along it, nothing is solved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..cameras.orbit import intrinsics_for
from ..inputs.cutout.camera_motion import CameraMotion, follow_background, transform
from ..inputs.cutout.scenery import scenery
from ..inputs.cutout.shapes import grown, reduced
from ..inputs.masks import Masks
from ..inputs.video import Clip
from ..job.checkpoint import Checkpoint

CAMERA_MOVES = (
    "The camera of the video moves, and how could not be found: its background shifts by up to {:.1f} % of the picture, not as a camera that"
    " turns would show it. The object is animated as a camera that stands still would see that, so it moves along with the background."
)
CAMERA_TURNS = "The camera of the video turns, by up to {:.1f} degrees, as its background shows; the solved camera turns with it."
CAMERA_SLIDES = "While it turns, the camera goes along by {:.0f} % of the object's size: so much the object seems to go the other way."

SIDE = 192
"""Longest side of the pictures that a background is followed in, where nothing has done so before [px]."""
BESIDE = 3
"""So many pixels around the object are not background."""
BUSY = ("network", "pictures")
"""Sources of masks whose clips show a background that may move."""
MOVES = 1.0
"""Percent of the longest side by which the background moves where the camera does."""
SHAKES = 0.2
"""The same of a camera in somebody's hand: what is less may be compression, and moves the object by less than its edge is sharp."""
SOME = 0.2
"""Least part of its change that the background's motion explains where it moves."""
POINTS = 5
"""So many points along each side of a picture tell how the camera turns."""
EXPLAINED = 0.5
"""Least part of the background's change that its motion has to explain."""
FAR = 0.5
"""That is asked where it moves at least so far, of the farthest: where it hardly moves, there is next to nothing to explain."""
TURNED = 0.75
"""Least part of its motion that a turn of the camera has to explain."""


@dataclass(frozen=True)
class Background:
    """Attributes:
    motion: of the background, in pictures of `size`.
    size: height and width [px].
    intrinsics: (3, 3) of them, (0, 0) being the middle of the first pixel.
    """

    motion: CameraMotion
    size: tuple[int, int]
    intrinsics: np.ndarray

    @property
    def shift(self) -> float:
        """How far it moves at most since the first frame [% of the longest side]."""
        return 100 * float(self.motion.shift(self.size).max()) / max(self.size)

    @property
    def moving(self) -> bool:
        """Whether it moves at all: a motion that explains next to nothing of what changes is none."""
        farthest = int(self.motion.shift(self.size).argmax())
        return self.shift >= MOVES and float(self.motion.explained[farthest]) >= SOME

    @cached_property
    def turns(self) -> np.ndarray:
        """(T, 3, 3) rotations that take the first camera's space to each one's: what lies behind the picture's points turns most like that."""
        height, width = self.size
        across, down = np.meshgrid(np.linspace(0, width - 1, POINTS), np.linspace(0, height - 1, POINTS))
        points = np.stack([across.ravel(), down.ravel()], 1)
        before = self._rays(points)
        after = np.stack([self._rays(transform(one, points)) for one in self.motion.homographies])
        left, _, right = np.linalg.svd(after.swapaxes(1, 2) @ before)
        left[..., 2] *= np.linalg.det(left @ right)[:, None]
        turned: np.ndarray = left @ right
        return turned

    def _rays(self, points: np.ndarray) -> np.ndarray:
        """(P, 3) unit vectors from the camera to what points (P, 2) of a picture show."""
        rays = np.concatenate([points, np.ones((len(points), 1))], 1) @ np.linalg.inv(self.intrinsics).T
        found: np.ndarray = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        return found

    @property
    def moves(self) -> np.ndarray:
        """(T, 4, 4) of a camera that turns so, see `cameras.path.moves`."""
        found = np.tile(np.eye(4), (len(self.turns), 1, 1))
        found[:, :3, :3] = self.turns
        return found

    @property
    def turned(self) -> float:
        """Part of the background's motion that the turns explain, in [0, 1]."""
        height, width = self.size
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
        shown = self.intrinsics @ self.turns @ np.linalg.inv(self.intrinsics)
        left = [
            np.linalg.norm(transform(one, corners) - transform(other, corners), axis=1).mean()
            for one, other in zip(self.motion.homographies, shown, strict=True)
        ]
        return float(np.clip(1 - max(left) / max(float(self.motion.shift(self.size).max()), 1e-9), 0, 1))

    @property
    def solved(self) -> bool:
        """Whether the camera's turns are known from it."""
        shift = self.motion.shift(self.size)
        return bool(self.motion.explained[shift >= FAR * shift.max()].min() >= EXPLAINED and self.turned >= TURNED)

    @property
    def shakes(self) -> bool:
        """Whether it moves at least as a camera in somebody's hand makes it, and the camera's turns are known from it."""
        return self.shift >= SHAKES and self.solved

    def figures(self) -> dict[str, float]:
        """What it tells, for the result: see docs/manual/a-good-video.md."""
        cosine = (np.trace(self.turns, axis1=1, axis2=2) - 1) / 2
        return {
            "background_shift": self.shift,
            "background_explained": float(self.motion.explained.min()),
            "camera_turn": float(np.degrees(np.arccos(cosine.clip(-1, 1))).max()),
            "camera_turn_explains": self.turned,
        }


def background_of(clip: Clip, fovy: float, motion: CameraMotion, size: tuple[int, int]) -> Background:
    """The background of what lies between a clip's bars, whose motion is known in pictures of it of `size`."""
    height, width = clip.frames.shape[1:3]
    top, left = (0, 0) if clip.window is None else (clip.window.top, clip.window.left)
    shown = clip.frames[0] if clip.window is None else clip.frames[0][clip.window.area]
    across, down = size[1] / shown.shape[1], size[0] / shown.shape[0]
    smaller = np.array([[across, 0, -across * left - 0.5], [0, down, -down * top - 0.5], [0, 0, 1]])
    return Background(motion, size, smaller @ intrinsics_for(fovy, width, height))


def with_scenery(clip: Clip, masks: Masks, motion: CameraMotion, size: tuple[int, int]) -> Masks:
    """The masks with what lies behind the object; `motion` of the background, between a clip's bars, in pictures of `size`."""
    area = (slice(None), slice(None)) if clip.window is None else clip.window.area
    found = clip.frames.copy()
    found[:, *area] = scenery(clip.frames[:, *area], masks.alpha[:, *area], motion, size)
    return replace(masks, scenery=found)


def followed(clip: Clip, masks: Masks, fovy: float, checkpoint: Checkpoint) -> Background | None:
    """The background around an object that was cut out without following it; None where it is plain or none is there."""
    if masks.source not in BUSY:
        return None
    area = (slice(None), slice(None)) if clip.window is None else clip.window.area
    frames = np.stack([reduced(frame, SIDE) for frame in clip.frames[:, *area]])
    stored = checkpoint.load("background")
    if stored is None:
        inside = reduced(np.asarray(masks.alpha[0][area], np.float32), SIDE)
        found = follow_background(frames, ~grown(inside > 0.1, BESIDE))
        stored = {"homographies": found.homographies, "explained": found.explained}
        checkpoint.save("background", stored)
    return background_of(clip, fovy, CameraMotion(stored["homographies"], stored["explained"]), frames.shape[1:3])
