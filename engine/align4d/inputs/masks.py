"""Where the object is in each frame: the video's own alpha, else a plain background keyed out, else rembg."""

from __future__ import annotations

import dataclasses

import numpy as np

from align4d.errors import EngineError
from align4d.inputs import foreground_model
from align4d.inputs.keying import find_background, key
from align4d.inputs.video import Clip

EMPTY = 2e-4
"""A frame with less than this part of it covered shows no object."""


@dataclasses.dataclass(frozen=True)
class Masks:
    """The object's coverage.

    Attributes:
        alpha: (T, H, W) float32 in [0, 1].
        source: "alpha", "background" or "rembg".
        touches_border: (T,) bool, the object is cut by the frame's border.
        empty: (T,) bool, the frame shows no object.
        notes: what the user should know, as sentences.
    """

    alpha: np.ndarray
    source: str
    touches_border: np.ndarray
    empty: np.ndarray
    notes: tuple[str, ...] = ()


def find_masks(clip: Clip) -> Masks:
    """Masks of all frames.

    Raises:
        EngineError: "video_empty" where no frame shows an object; "masks_unavailable" where the background is not plain and rembg
            or its model is not installed.
    """
    if clip.alpha is not None:
        alpha, source = clip.alpha.astype(np.float32) / 255.0, "alpha"
    elif (background := find_background(clip.frames)) is not None:
        alpha, source = np.stack([key(frame, background) for frame in clip.frames]), "background"
    else:
        alpha, source = foreground_model.find_alpha(clip.frames), "rembg"
    return judge(alpha, source)


def judge(alpha: np.ndarray, source: str) -> Masks:
    """Masks with their flags and notes. Raises EngineError "video_empty"."""
    empty: np.ndarray = np.less(alpha.mean(axis=(1, 2)), EMPTY)
    if empty.all():
        raise EngineError(
            "video_empty",
            "The video shows no object: all of it looks like background.",
            "Choose a video whose object stands out from its background, or one with an alpha channel.",
        )
    edges = np.concatenate([alpha[:, 0], alpha[:, -1], alpha[:, :, 0], alpha[:, :, -1]], axis=1)
    touches: np.ndarray = np.greater(edges.max(axis=1), 0.5)
    notes = []
    if empty.any():
        notes.append(f"The object is not to be seen in {int(empty.sum())} of {len(empty)} frames.")
    if touches.any():
        notes.append(f"The object is cut by the border of the video in {int(touches.sum())} of {len(touches)} frames.")
    return Masks(alpha, source, touches, empty, tuple(notes))
