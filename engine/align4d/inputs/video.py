"""The reference video: a movie (PyAV) or a list of images (Pillow), reduced to what the engine works on."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np

from ..errors import EngineError
from ..protocol import VideoSpec
from .images import ImageSequence
from .movie import Movie
from .pictures import Source
from .repeats import repeats_first

MOST_FRAMES = 1000
"""Frames in one job; at 512 x 512 px a thousand of them fill 0.8 GB, their masks 0.5 GB."""


@dataclasses.dataclass(frozen=True)
class Clip:
    """The chosen frames of a video.

    Attributes:
        frames: (T, H, W, 3) uint8 sRGB, composited on white where there is alpha.
        alpha: (T, H, W) uint8, or None where the video has none (or is opaque throughout).
        fps: frames a second.
        full_size: width and height of the video as it is shown [px]; frames may be smaller.
        notes: what the user should know, as sentences.
        skipped: chosen frames of the video that come before the first of `frames`, see `repeats_first`.
    """

    frames: np.ndarray
    alpha: np.ndarray | None
    fps: float
    full_size: tuple[int, int]
    notes: tuple[str, ...] = ()
    skipped: int = 0


def load_clip(spec: VideoSpec, max_side: int = 512) -> Clip:
    """Decodes the chosen frames, reduced by area so that their longest side is at most `max_side` [px].

    Frames that cannot be decoded are replaced by the one before and noted. A movie's first picture that is shown twice by accident is left
    out once and the last one held instead, and noted. Of a movie with a variable frame rate, frame n is
    what a player shows at n / fps, as in Blender.

    Raises:
        EngineError: "video_missing", "video_unreadable", "video_short", "video_long", "video_range", "video_size" or "video_fps".
    """
    name, source = _source(spec)
    full_size = (0, 0)
    frames: list[np.ndarray] = []
    alphas: list[np.ndarray | None] = []
    for picture in source.pictures(spec.first, spec.last):
        if len(frames) == MOST_FRAMES:
            raise EngineError("video_long", f"{name} has more than {MOST_FRAMES} frames in the chosen range.", "Choose a shorter frame range.")
        full_size = picture.size
        frame, alpha = picture.reduced(max_side)
        frames.append(frame)
        alphas.append(alpha)
    _check_range(name, spec, len(frames))
    skipped = int(bool(spec.path) and spec.first == 0 and repeats_first(frames))
    if skipped:
        frames, alphas = [*frames[1:], frames[-1]], [*alphas[1:], alphas[-1]]
        source.notes.append(f"{name} shows its first picture twice; the motion starts at the second one, and its last pose is held for a frame.")
    return Clip(_stack(frames), _stack_alpha(alphas), source.fps, full_size, tuple(source.notes), skipped)


def check_video(spec: VideoSpec) -> None:
    """That a clip can be read from there, as far as two pictures tell. Raises as `load_clip`."""
    name, source = _source(spec)
    count = sum(1 for _ in itertools.islice(source.pictures(spec.first, spec.last), 2))
    if count < 2:
        _check_range(name, spec, count)


def _source(spec: VideoSpec) -> tuple[str, Source]:
    """What the pictures come from, and its name in messages."""
    if spec.first < 0 or (spec.last != -1 and spec.last < spec.first):
        raise EngineError(
            "video_range", f"The frame range {spec.first} to {spec.last} is empty.", "Choose a first frame before the last one.", "use_whole_video"
        )
    if bool(spec.path) == bool(spec.images):
        raise EngineError("video_missing", "No reference video is set.", "Choose a movie file or an image sequence.", "choose_video")
    name = Path(spec.path).name if spec.path else "The image sequence"
    source: Source = Movie(Path(spec.path), spec.fps) if spec.path else ImageSequence(spec.images, spec.fps)
    return name, source


def _check_range(name: str, spec: VideoSpec, count: int) -> None:
    if spec.last != -1 and count < spec.last - spec.first + 1:
        raise EngineError(
            "video_range",
            f"{name} ends at frame {spec.first + count - 1}, before frame {spec.last}." if count else f"{name} ends before frame {spec.first}.",
            "Choose a frame range inside the video.",
            "use_whole_video",
        )
    if count == 0:
        raise EngineError("video_range", f"{name} ends before frame {spec.first}.", "Choose a frame range inside the video.", "use_whole_video")
    if count == 1:
        raise EngineError(
            "video_short",
            f"{name} has one frame in the chosen range; motion needs two or more.",
            "Choose a video or a range with more frames.",
            "use_whole_video",
        )


def _stack_alpha(alphas: list[np.ndarray | None]) -> np.ndarray | None:
    """(T, H, W) uint8; frames without alpha are opaque; None where nothing is transparent."""
    if all(alpha is None or alpha.min() == 255 for alpha in alphas):
        return None
    size = next(alpha.shape for alpha in alphas if alpha is not None)
    return _stack([np.full(size, 255, np.uint8) if alpha is None else alpha for alpha in alphas])


def _stack(frames: list[np.ndarray]) -> np.ndarray:
    """np.stack that empties the list: each frame is let go of as soon as it is copied, so that a long clip is never held twice."""
    stacked = np.empty((len(frames), *frames[0].shape), frames[0].dtype)
    frames.reverse()
    for index in range(len(frames)):
        stacked[index] = frames.pop()
    return stacked
