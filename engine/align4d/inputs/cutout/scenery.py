"""What lies behind the object in every frame of a clip: as other frames show it, else as beside the object."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from .camera_motion import CameraMotion
from .plate import make_plate
from .shapes import grown, reduced

COVERED = 0.1
"""What is covered more than this is not background alone."""
BESIDE = 0.016
"""Up to so far beside its mask a frame may show the object, whose mask may be too small, of the longest side."""


def scenery(frames: np.ndarray, alpha: np.ndarray, motion: CameraMotion, size: tuple[int, int]) -> np.ndarray:
    """(T, H, W, 3) uint8, the frames as they would be without the object.

    Away from the mask that is the frame itself; there and close beside it, what other frames show at that place of the background, and
    where none does, the color of the nearest background.

    Args:
        frames: (T, H, W, 3) uint8.
        alpha: (T, H, W) masks in [0, 1].
        motion: of the background, in pictures of `size`, height and width.
    """
    side, found = max(size), frames.copy()
    small = np.stack([reduced(frame, side) for frame in frames])
    masks = np.stack([reduced(np.asarray(mask, np.float32), side) for mask in alpha])
    plate, radius = make_plate(small, masks, motion), max(2, round(BESIDE * side))
    for index, (frame, mask) in enumerate(zip(small, masks, strict=True)):
        hidden = grown(mask > COVERED, radius)
        behind = _filled(frame, plate.seen_in(motion, index), hidden)
        large = np.asarray(Image.fromarray(hidden).resize(found.shape[2:0:-1]))
        found[index][large] = np.asarray(Image.fromarray(behind.round().astype(np.uint8)).resize(found.shape[2:0:-1], Image.Resampling.BILINEAR))[
            large
        ]
    return found


def _filled(frame: np.ndarray, known: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """(H, W, 3) a frame whose `hidden` (H, W) bool part is replaced by what is `known` (H, W, 3), and where that is NaN by what is next to it."""
    shown = np.where(hidden[..., None], known, frame)
    unknown = np.isnan(shown).any(axis=2)
    if unknown.all() or not unknown.any():
        return frame if unknown.all() else shown
    rows, columns = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return shown[rows, columns]
