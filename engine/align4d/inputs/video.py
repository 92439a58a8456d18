"""The reference video: a movie (PyAV) or a list of images (Pillow), reduced to what the engine works on."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import EngineError
from ..protocol import VideoSpec
from .animated_image import AnimatedImage
from .bars import Window, find_bars
from .images import ImageSequence
from .movie import Movie
from .pictures import Source
from .premultiplied import is_premultiplied, straight
from .repeats import before_conversion, repeats_first
from .timing import Timing, find_timing

MOST_FRAMES = 1000
"""Frames in one job: all of them and their masks are kept in memory."""
LONGEST = 10 * MOST_FRAMES
"""Frames, as players count them, of the range that they are chosen from."""

_BLOCK = 64
"""Pictures that are kept side by side."""


@dataclasses.dataclass(frozen=True)
class Clip:
    """The chosen frames of a video.

    Attributes:
        frames: (T, H, W, 3) uint8 sRGB, composited on white where there is alpha.
        alpha: (T, H, W) uint8, or None where the video has none (or is opaque throughout).
        fps: frames a second.
        full_size: width and height of the video as it is shown [px]; frames may be smaller.
        notes: what the user should know, as sentences.
        skipped: chosen frames of the video, as players count them, that come before the first of `frames`, see `repeats_first`.
        pace: how many frames, as players count them, one of `frames` lasts, see `find_timing`.
        window: the part of the frames between black bars; None without bars.
    """

    frames: np.ndarray
    alpha: np.ndarray | None
    fps: float
    full_size: tuple[int, int]
    notes: tuple[str, ...] = ()
    skipped: int = 0
    pace: float = 1.0
    window: Window | None = None

    def part(self, piece: slice) -> Clip:
        """Some of the frames, which follow each other, as a clip of their own."""
        alpha = None if self.alpha is None else self.alpha[piece]
        skipped = self.skipped + round(piece.start * self.pace)
        return dataclasses.replace(self, frames=self.frames[piece], alpha=alpha, skipped=skipped)

    def times(self) -> np.ndarray:
        """(T,) seconds after the first chosen frame of the video at which each frame is shown."""
        return (self.skipped / self.pace + np.arange(len(self.frames))) / self.fps


def load_clip(spec: VideoSpec, max_side: int = 512) -> Clip:
    """Decodes the chosen frames, reduced by area so that their longest side is at most `max_side` [px].

    A movie's pictures come at their own rate, whatever its header says, see `find_timing`; the range counts frames as players do, by the
    header's. A frame that cannot be decoded is replaced by the one before and noted. A first picture that is shown twice by accident
    is left out once and the last one held instead, and noted.

    Raises:
        EngineError: "video_missing", "video_unreadable", "video_short", "video_long", "video_range", "video_size" or "video_fps".
    """
    source, name = open_source(spec)
    read = _Read.of(source, spec, max_side, name)
    timing = _timing(read, source, spec, name)
    order = list(timing.order)
    skipped = bool(spec.path) and spec.first == 0 and repeats_first([read.frames[index] for index in order])
    if skipped:
        order = [*order[1:], order[-1]]
        source.notes.append(f"{name} shows its first picture twice; the motion starts at the second one, and its last pose is held for a frame.")
    frames, alpha = _ordered(read.frames, order), None if read.alpha is None else _ordered(read.alpha, order)
    window = find_bars(frames) if alpha is None else None
    if window:
        source.notes.append(f"{name} has black bars: only what lies between them is looked at.")
    before = round(timing.pace) if skipped else 0
    return Clip(frames, alpha, source.fps / timing.pace, read.full_size, tuple(source.notes), before, timing.pace, window)


def _timing(read: _Read, source: Source, spec: VideoSpec, name: str) -> Timing:
    """Which picture each frame shows; noted where that is not what the header says. Raises EngineError, see `_check_range`."""
    if not spec.path:
        timing = Timing(tuple(range(len(read.frames))))
        _check_range(name, spec, len(timing.order), spec.first + len(timing.order))
        return timing
    timing = find_timing(read.times, spec.last)
    _check_range(name, spec, len(timing.order), round(read.times[-1] + max([1.0, *np.diff(read.times)])) if read.times else 0)
    if timing.pace == 1 and timing.each_once and (different := before_conversion([*read.frames])) is not None:
        timing = Timing(tuple(different.tolist()), float(different[-1]) / (len(different) - 1))
    if timing.pace != 1:
        count = len(set(timing.order))
        source.notes.append(
            f"{name} names {source.fps:.4g} frames a second but shows {count} pictures in {round(len(timing.order) * timing.pace)} frames:"
            f" they are used at {source.fps / timing.pace:.4g} frames a second."
        )
    return timing


def check_video(spec: VideoSpec) -> None:
    """That a clip can be read from there, as far as two pictures tell. Raises as `load_clip`."""
    source, name = open_source(spec)
    count = sum(1 for _ in itertools.islice(source.pictures(spec.first, spec.last), 2))
    if count < 2:
        _check_range(name, spec, count, spec.first + count)


def open_source(spec: VideoSpec) -> tuple[Source, str]:
    """The pictures of a video, and what to call it. Raises EngineError as `load_clip`."""
    if spec.first < 0 or (spec.last != -1 and spec.last < spec.first):
        raise EngineError(
            "video_range",
            f"The frame range {spec.first + 1} to {spec.last + 1} is empty.",
            "Choose a first frame before the last one.",
            "use_whole_video",
        )
    if bool(spec.path) == bool(spec.images):
        raise EngineError("video_missing", "No reference video is set.", "Choose a movie file or an image sequence.", "choose_video")
    if spec.images:
        return ImageSequence(spec.images, spec.fps), "The image sequence"
    path = Path(spec.path)
    return (AnimatedImage if path.suffix.lower() == ".webp" and path.is_file() else Movie)(path, spec.fps), path.name


@dataclasses.dataclass(frozen=True)
class _Read:
    """The different pictures of the chosen range.

    Attributes:
        times: (N,) when each begins to be shown, in frames as players count them.
        frames: (N, h, w, 3); alpha: (N, h, w), or None where nothing is transparent.
        full_size: width and height as shown [px].
    """

    times: list[float]
    frames: np.ndarray
    alpha: np.ndarray | None
    full_size: tuple[int, int]

    @staticmethod
    def of(source: Source, spec: VideoSpec, max_side: int, name: str) -> _Read:
        """Reads them, as straight alpha on white."""
        premultiplied = None if spec.path else False
        times: list[float] = []
        frames, alphas, full_size = _Store(), _Store(), (0, 0)
        for at, picture in source.pictures(spec.first, spec.last):
            if len(times) == MOST_FRAMES or at - spec.first > LONGEST:
                raise _long(name)
            if premultiplied is None and picture.pixels.shape[2] == 4:
                premultiplied = is_premultiplied(picture.pixels)
            if premultiplied and picture.pixels.shape[2] == 4:
                picture = dataclasses.replace(picture, pixels=straight(picture.pixels))
            frame, alpha = picture.reduced(max_side)
            if times and frame.shape != frames.pictures.shape[1:]:
                raise _changing(name, full_size, picture.size)
            times.append(at)
            frames.add(frame)
            if alpha is not None or alphas.count:  # frames without are opaque
                alphas.fill(len(times) - 1, 255, frame.shape[:2])
                alphas.add(np.full(frame.shape[:2], 255, np.uint8) if alpha is None else alpha)
            full_size = picture.size
        alpha = alphas.pictures if alphas.count and alphas.pictures.min() < 255 else None
        return _Read(times, frames.pictures, alpha, full_size)


class _Store:
    """Pictures of one size in one array that grows: kept one by one among the frames that a decoder lets go of, they tear the memory to pieces."""

    def __init__(self) -> None:
        self.count = 0
        self._room = np.empty((0, 0), np.uint8)

    @property
    def pictures(self) -> np.ndarray:
        """(count, ...); none may be added from then on."""
        return self._room[: self.count]

    def add(self, picture: np.ndarray) -> None:
        """Copies a picture to the end."""
        if self.count == 0:
            self._room = np.empty((_BLOCK, *picture.shape), picture.dtype)
        elif self.count == len(self._room):
            self._room.resize((self.count + _BLOCK, *picture.shape), refcheck=False)  # most systems move nothing for it
        self._room[self.count] = picture
        self.count += 1

    def fill(self, count: int, value: int, shape: tuple[int, ...]) -> None:
        """Adds pictures of one value until there are `count`."""
        while self.count < count:
            self.add(np.full(shape, value, np.uint8))


def _check_range(name: str, spec: VideoSpec, count: int, end: int) -> None:
    """Frames are counted from 1 wherever a person reads them. `end`: frames, as players count them, that the video has."""
    if count == 0:
        raise EngineError("video_range", f"{name} ends before frame {spec.first + 1}.", "Choose a frame range inside the video.", "use_whole_video")
    if spec.last >= end:
        raise EngineError(
            "video_range", f"{name} ends at frame {end}, before frame {spec.last + 1}.", "Choose a frame range inside the video.", "use_whole_video"
        )
    if count > MOST_FRAMES:
        raise _long(name)
    if count == 1:
        raise EngineError(
            "video_short",
            f"{name} has one frame in the chosen range; motion needs two or more.",
            "Choose a video or a range with more frames.",
            "use_whole_video",
        )


def _long(name: str) -> EngineError:
    message = f"{name} has more than {MOST_FRAMES} frames in the chosen range."
    return EngineError("video_long", message, "Choose a shorter frame range.", f"end_earlier:{MOST_FRAMES}")


def _changing(name: str, before: tuple[int, int], after: tuple[int, int]) -> EngineError:
    sizes = f"from {before[0]} x {before[1]} to {after[0]} x {after[1]} px"
    return EngineError("video_size", f"{name} changes its size on the way, {sizes}.", "Choose a range of one size.", "choose_video")


def _ordered(pictures: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """The pictures in their order, which rises; where it can be they only move up in their own place, so that a long clip is never held twice."""
    if any(index < place for place, index in enumerate(order)):
        return pictures[list(order)]
    for place, index in enumerate(order):
        if place != index:
            pictures[place] = pictures[index]
    return pictures[: len(order)]
