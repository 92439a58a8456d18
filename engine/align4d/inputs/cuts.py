"""Cuts: places where the video goes on with another shot, which no motion of the object explains; and clips of nothing but cuts.

The measure is the change of the picture from one frame to the next, per area of the object: 0 where nothing moves, near 1
where the object is somewhere else or something else. Motion also changes the picture much, but not in a single step: the
changes before and after are of the same kind. So a cut is a change that stands alone.
"""

from __future__ import annotations

import itertools

import numpy as np
from PIL import Image

from .masks import Masks
from .video import Clip

LOOKED_AT = 64
"""Longer side of the pictures that are compared [px]; noise and fine patterns average out."""
LEAST_CHANGE = 0.25
"""A smaller change is none that would harm."""
STANDS_OUT = 2.0
"""How many times the largest change around it a cut's is: more than any quick motion reaches. A cut within motion as quick is missed."""
UNRELATED = 0.55
"""A usual change above this shows nothing that moves, but one picture after the other."""
FEWEST = 3
"""Changes by which the usual one is known."""
AROUND = 3
"""Changes on either side that count as being around; figures animated on threes hold each picture this long."""


def find_cuts(clip: Clip, masks: Masks) -> list[int]:
    """Indices of the frames that begin a new shot.

    Frames without the object are passed over: leaving the picture is no cut. A clip of two frames has nothing to compare with.
    """
    shown = np.flatnonzero(~masks.empty)
    change = _changes(clip, masks, shown)
    cuts = []
    for index in np.flatnonzero(change > LEAST_CHANGE):
        around = np.concatenate([change[max(0, index - AROUND) : index], change[index + 1 : index + 1 + AROUND]])
        without_gap = shown[index + 1] == shown[index] + 1
        if without_gap and len(around) and change[index] > STANDS_OUT * around.max():
            cuts.append(int(shown[index + 1]))
    return cuts


def cut_notes(clip: Clip, masks: Masks) -> tuple[str, ...]:
    """What the user should know about cuts, as sentences; frames are counted from 1, the first that is used."""
    change = _changes(clip, masks, np.flatnonzero(~masks.empty))
    if len(change) >= FEWEST and np.median(change) > UNRELATED:
        return (
            "The pictures of the video have little to do with each other: no motion of one object explains them. Choose a clip in which one "
            "object moves, in small steps.",
        )
    cuts = find_cuts(clip, masks)
    if not cuts:
        return ()
    where = " and ".join(str(frame + 1) for frame in cuts)
    return (
        f"The video seems to cut at frame {where} of {len(clip.frames)}: the object jumps there, and no motion from there on is to be "
        "trusted; that before it suffers too. Choose a range of frames within one shot.",
    )


def _changes(clip: Clip, masks: Masks, shown: np.ndarray) -> np.ndarray:
    """How much each of the frames `shown` (N,) differs from the one before, (N - 1,)."""
    small = [_small(clip.frames[frame], masks.alpha[frame]) for frame in shown]
    return np.array([_change(*pair) for pair in itertools.pairwise(small)])


def _small(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(h, w, 4) float32 in [0, 1]: color times coverage, and coverage."""
    height, width = alpha.shape
    scale = min(1.0, LOOKED_AT / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    layers = np.concatenate([picture.astype(np.float32) / 255 * alpha[..., None], alpha[..., None]], axis=2)
    channels = [np.asarray(Image.fromarray(np.ascontiguousarray(layers[..., i])).resize(size, Image.Resampling.BOX)) for i in range(4)]
    return np.stack(channels, axis=2)


def _change(before: np.ndarray, after: np.ndarray) -> float:
    """Mean over the object's area in either picture of the largest difference among colors and coverage."""
    area = float(np.maximum(before[..., 3], after[..., 3]).sum())
    return float(np.abs(after - before).max(axis=2).sum()) / max(area, 1e-6)
