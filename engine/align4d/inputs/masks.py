"""Where the object is in each frame: as pictures say, else the video's own alpha, a plain background keyed out, a box, or a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import EngineError
from . import foreground_model
from .bars import Window
from .cutout.matte import behind_edges, matte
from .images import load_picture
from .keying import find_background, key_all
from .video import Clip

EMPTY = 2e-4
"""A frame with less than this part of it covered shows no object."""

HIDDEN = 0.1
"""A frame with less than this of the area that the object usually has shows none of it that tells a pose: it is covered, or has nearly left."""


@dataclasses.dataclass(frozen=True)
class Masks:
    """The object's coverage.

    Attributes:
        alpha: (T, H, W) float16 in [0, 1].
        source: "pictures", "alpha", "background", "box" or "network".
        touches_border: (T,) bool, the object is cut by the frame's border.
        empty: (T,) bool, the frame shows no object.
        notes: what the user should know, as sentences.
        behind: (3,) or (H, W, 3) float32 in [0, 1], the background that is mixed into the object's edges; white where none is.
        scenery: (T, H, W, 3) uint8, the frames without the object, see `cutout.scenery`; None where nobody has asked what lies behind it.
    """

    alpha: np.ndarray
    source: str
    touches_border: np.ndarray
    empty: np.ndarray
    notes: tuple[str, ...] = ()
    behind: np.ndarray = dataclasses.field(default_factory=lambda: np.ones(3, np.float32))
    scenery: np.ndarray | None = None

    def behind_edges(self, picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """What is mixed into the edges of a frame: `behind`, or on a background that is not plain what lies beside each edge.

        Args:
            picture: (H, W, 3) float32 in [0, 1], the frame.
            alpha: (H, W) its mask.
        """
        return behind_edges(picture, alpha) if self.source in ("box", "network", "pictures") else self.behind

    def part(self, piece: slice) -> Masks:
        """Of some of the frames, which follow each other; the notes count from the first of them."""
        touches, empty = self.touches_border[piece], self.empty[piece]
        scenery = None if self.scenery is None else self.scenery[piece]
        notes = _notes(touches, empty)
        return dataclasses.replace(self, alpha=self.alpha[piece], touches_border=touches, empty=empty, notes=notes, scenery=scenery)


def find_masks(clip: Clip, what: str = "video", watch: foreground_model.Watch | None = None) -> Masks:
    """Masks of all frames.

    Args:
        what: it is, for messages: a "video", or an "image", which is a clip of one frame.
        watch: told of masks that a network predicts, which takes long.

    Raises:
        EngineError: "video_empty" where no frame shows an object, "first_frame_empty" where the first one does not;
            "masks_unavailable" where the background is not plain and no network is at hand, "model_file" where its file cannot be read.
    """
    if clip.alpha is not None:
        return judge(np.divide(clip.alpha, 255, dtype=np.float16), "alpha", what)
    frames = clip.frames if clip.window is None else clip.frames[:, *clip.window.area]
    if (background := find_background(frames)) is not None:
        alpha = key_all(frames, background)
        masks = dataclasses.replace(judge(alpha, "background", what), behind=(background.color / 255).astype(np.float32))
    else:
        masks = judge(foreground_model.find_alpha(frames, what, watch), "network", what)
    return masks if clip.window is None else _between_bars(masks, clip.window, clip.frames.shape[1:3])


def boxed_masks(clip: Clip, inside: np.ndarray, watch: foreground_model.Watch | None = None) -> Masks:
    """Masks with soft edges of smaller ones (T, h, w) in [0, 1] of what lies between the clip's bars. `watch`, errors: as for `find_masks`."""
    frames = clip.frames if clip.window is None else clip.frames[:, *clip.window.area]
    alpha = np.empty(frames.shape[:3], np.float16)
    for index, (frame, mask) in enumerate(zip(frames, inside, strict=True)):
        alpha[index] = matte(frame, np.asarray(mask, np.float32))
        if watch:
            watch(index + 1, len(frames), np.dstack([frame, (alpha[index] * 255).round().astype(np.uint8)]))
    masks = judge(alpha, "box")
    return masks if clip.window is None else _between_bars(masks, clip.window, clip.frames.shape[1:3])


def masks_of_pictures(clip: Clip, paths: Sequence[str]) -> Masks:
    """Masks that somebody made, one picture for each frame: its alpha, or where it has none white on black.

    Raises:
        EngineError: "masks_count" where there are more or fewer than frames, "image_unreadable"; as `judge`.
    """
    if len(paths) != len(clip.frames):
        raise EngineError(
            "masks_count",
            f"There are {len(paths)} pictures of masks, and {len(clip.frames)} frames of the video.",
            "Give one picture for each frame of the chosen range, numbered in their order.",
        )
    height, width = clip.frames.shape[1:3]
    alpha = np.empty((len(paths), height, width), np.float16)
    for index, path in enumerate(paths):
        picture = load_picture(Path(path))
        coverage = picture[..., 3] if picture.shape[2] == 4 and picture[..., 3].min() < 255 else picture[..., :3].mean(axis=2).astype(np.uint8)
        alpha[index] = np.asarray(Image.fromarray(coverage).resize((width, height), Image.Resampling.BOX), np.float32) / 255
    return judge(alpha, "pictures")


def _between_bars(masks: Masks, window: Window, size: tuple[int, int]) -> Masks:
    """Masks of the part of the frames between bars as those of whole frames of `size`, height and width."""
    alpha = np.zeros((len(masks.alpha), *size), masks.alpha.dtype)
    alpha[:, *window.area] = masks.alpha
    behind = masks.behind
    if behind.ndim == 3:
        behind = np.ones((*size, 3), np.float32)
        behind[window.area] = masks.behind
    return dataclasses.replace(masks, alpha=alpha, behind=behind)


def judge(alpha: np.ndarray, source: str, what: str = "video") -> Masks:
    """Masks with their flags and notes. `what`: as for `find_masks`. Raises EngineError "video_empty" or "first_frame_empty"."""
    area = alpha.mean(axis=(1, 2), dtype=np.float64)
    usual = float(np.median(area[area >= EMPTY])) if (area >= EMPTY).any() else 0.0
    empty: np.ndarray = np.less(area, max(EMPTY, HIDDEN * usual))
    if empty.all():
        advice = f"Choose {_a(what)} whose object stands out from its background, or one with an alpha channel."
        fix = {"video": "choose_video", "image": "choose_image"}.get(what, "")
        if source == "box":
            advice, fix = "Draw the box again, close around the whole object.", "draw_box"
        raise EngineError("video_empty", f"The {what} shows no object: all of it looks like background.", advice, fix)
    if empty[0]:
        raise EngineError(
            "first_frame_empty",
            "The first frame of the video does not show the object, which the camera is found from.",
            f"Choose a range that starts at least {int(np.argmin(empty))} frames later.",
            f"start_later:{int(np.argmin(empty))}",
        )
    edges = np.concatenate([alpha[:, 0], alpha[:, -1], alpha[:, :, 0], alpha[:, :, -1]], axis=1)
    touches: np.ndarray = np.greater(edges.max(axis=1), 0.5)
    return Masks(alpha, source, touches, empty, _notes(touches, empty))


def _notes(touches: np.ndarray, empty: np.ndarray) -> tuple[str, ...]:
    """What the user should know of frames (T,) bool where the object is cut by the border, or not to be seen."""
    notes = []
    if empty.any():
        notes.append(f"The object is not to be seen in {_these(empty)}: its motion there is a guess from the frames around.")
    if touches.any():
        notes.append(f"The object is cut by the border of the video in {_these(touches)}: what lies outside is a guess.")
    return tuple(notes)


def _a(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


def _these(flags: np.ndarray) -> str:
    """Which frames, in words, counted from 1: "3 of 8 frames (1, 4 to 5)"."""
    chosen = np.flatnonzero(flags) + 1
    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
    names = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return f"{len(chosen)} of {len(flags)} frames ({', '.join(names)})"
