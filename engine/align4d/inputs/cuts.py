"""Cuts: places where the video goes on with another shot, which no motion of the object explains; and clips of nothing but cuts.

The measure is the change of the picture from one frame to the next, per area of the object: 0 where nothing moves, near 1
where the object is somewhere else or something else. Motion also changes the picture much, but not in a single step: the
changes before and after are of the same kind. So a cut is a change that stands alone.
"""

from __future__ import annotations

import itertools

import numpy as np
from PIL import Image

from ..rendering.cpu.threads import beside_each_other
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
UNRELATED_NOTE = (
    "The pictures of the video have little to do with each other: no motion of one object explains them. Choose a clip in which one object "
    "moves, in small steps."
)
AROUND = 3
"""Changes on either side that count as being around; figures animated on threes hold each picture this long."""


def find_cuts(clip: Clip, masks: Masks) -> list[int]:
    """Indices of the frames that begin a new shot.

    Frames without the object are passed over: leaving the picture is no cut. A clip of two frames has nothing to compare with.
    """
    return _cuts(_changes(clip, masks), masks)


def _cuts(change: np.ndarray, masks: Masks) -> list[int]:
    """See `find_cuts`; `change` as `_changes` finds it."""
    shown = np.flatnonzero(~masks.empty)
    cuts = []
    for index in np.flatnonzero(change > LEAST_CHANGE):
        around = np.concatenate([change[max(0, index - AROUND) : index], change[index + 1 : index + 1 + AROUND]])
        without_gap = shown[index + 1] == shown[index] + 1
        if without_gap and len(around) and change[index] > STANDS_OUT * around.max():
            cuts.append(int(shown[index + 1]))
    return cuts


def longest_shot(clip: Clip, masks: Masks) -> tuple[Clip, Masks, tuple[str, ...]]:
    """The longest piece of a clip without a cut, the first of those as long, with its masks; and what the user should know, as sentences.

    Pictures that have little to do with each other are left as they are: no piece of them is better than another.
    """
    change = _changes(clip, masks)
    if len(change) >= FEWEST and np.median(change) > UNRELATED:
        return clip, masks, (UNRELATED_NOTE,)
    piece = _longest(len(clip.frames), _cuts(change, masks))
    if piece.stop - piece.start == len(clip.frames):
        return clip, masks, ()
    return clip.part(piece), masks.part(piece), (_note(len(clip.frames), piece, "longest"),)


def first_shot(clip: Clip) -> tuple[Clip, tuple[str, ...]]:
    """The piece of a clip up to its first cut, by the whole pictures: for where somebody said what is what in the first frame."""
    shape = clip.frames.shape[:3]
    everything = Masks(np.ones(shape, np.float16), "pictures", np.ones(shape[0], bool), np.zeros(shape[0], bool))
    cuts = find_cuts(clip, everything)
    if not cuts or cuts[0] < 2:
        return clip, ()
    piece = slice(0, cuts[0])
    return clip.part(piece), (_note(len(clip.frames), piece, "first"),)


def _longest(count: int, cuts: list[int]) -> slice:
    pieces = [slice(*pair) for pair in itertools.pairwise([0, *cuts, count])]
    return max(pieces, key=lambda piece: piece.stop - piece.start)


def _note(count: int, piece: slice, which: str) -> str:
    """Frames are counted from 1, the first that was chosen."""
    cut = piece.start + 1 if piece.start else piece.stop + 1
    return (
        f"The video cuts at frame {cut} of {count}: the motion is of its frames {piece.start + 1} to {piece.stop}, the {which} piece without a cut. "
        "Choose a range of frames within another piece for that one."
    )


def _changes(clip: Clip, masks: Masks) -> np.ndarray:
    """How much each of the N frames that show the object differs from the one before, (N - 1,)."""
    small = beside_each_other(lambda frame: _small(clip.frames[frame], masks.alpha[frame]), np.flatnonzero(~masks.empty))
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
