"""A movie file as a source of pictures, through PyAV (FFmpeg)."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import av

from ..errors import EngineError
from .foreign import reading
from .image_file import MOST_PIXELS
from .movie_picture import display_matrix, picture_of, progressive
from .pictures import Picture

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own VP8 and VP9 decoders drop the alpha plane; libvpx keeps it."""
_ADVICE = "Choose another file, or convert it to MP4 (H.264) first."

log = logging.getLogger(__name__)


class Movie:
    """The video of a file.

    Args:
        path: the file.
        fps: what the frame rate is to be called; 0 takes the movie's own.

    Raises:
        EngineError: "video_missing" or "video_unreadable".
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.notes: list[str] = []
        if not path.is_file():
            raise EngineError("video_missing", f"The video {path.name} is not there.", "Choose the video again.", "choose_video")
        with self._reading(), _opened(path) as container:
            stream = _video_of(container)
            self.rate = float(stream.guessed_rate or stream.average_rate or 0)
            self.tick = float(stream.time_base or 0)
            self.announced = _announced(stream)
            self.aspect = float(stream.sample_aspect_ratio or 1)
        if not 0 < self.rate < math.inf:
            raise self._unreadable("it has no frame rate")
        self.fps = fps or self.rate

    def pictures(self, first: int, last: int) -> Iterator[tuple[float, Picture]]:
        """See `Source`. Raises EngineError "video_unreadable"."""
        with self._reading():
            yield from self._pictures(first, last)

    def _pictures(self, first: int, last: int) -> Iterator[tuple[float, Picture]]:
        count, shown, matrix = 0, None, None
        for at, frame in self._timed():
            if last != -1 and round(at) > last:
                break
            if count == 0:
                matrix = display_matrix(frame)
            count += 1
            if first > 0 and round(at) <= first:
                shown = frame  # the last of these is what is to be seen at the first frame
                continue
            if shown is not None:
                yield first, picture_of(shown, self.aspect, matrix)
                shown = None
            yield at, picture_of(frame, self.aspect, matrix)
        if shown is not None and round(at) >= first:
            yield first, picture_of(shown, self.aspect, matrix)
        if count == 0:
            raise self._unreadable("no frame of it can be decoded")
        if last == -1 and count < self.announced * 0.98 - 1:
            self.notes.append(f"{self.path.name} ends early: {count} of {self.announced} frames can be read.")

    def _timed(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """(when it is shown, in frames at the movie's rate; frame); the first frame comes at 0."""
        start: int | None = None
        at = -1.0
        for frame in progressive(self._frames()):
            if frame.pts is None:
                at += 1
            else:
                start = frame.pts if start is None else start
                at = (frame.pts - start) * self.tick * self.rate
            yield at, frame

    def _frames(self) -> Iterator[av.VideoFrame]:
        """Every frame that decodes whole; damage is noted."""
        damaged = 0
        with _opened(self.path) as container:
            stream = _video_of(container)
            decoder: Any = _decoder(stream)
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets)
                    frames = decoder.decode(packet if packet.size else None)
                except (StopIteration, EOFError):
                    break
                except (av.error.FFmpegError, OSError, ValueError) as error:
                    damaged += 1
                    log.warning("%s: %s", self.path.name, error)
                    if damaged > 1000:  # a reader that fails for ever
                        break
                    continue
                for frame in frames:
                    damaged += frame.is_corrupt
                    if not frame.is_corrupt:
                        yield frame
        if damaged:
            self.notes.append(f"{self.path.name} is damaged; the frame before was used in the place of each frame that cannot be read.")

    def _unreadable(self, why: str) -> EngineError:
        return EngineError("video_unreadable", f"{self.path.name} cannot be read as a video ({why}).", _ADVICE, "choose_video")

    def _reading(self) -> AbstractContextManager[None]:
        return reading("video_unreadable", f"{self.path.name} cannot be read as a video", _ADVICE, "choose_video")


@contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    """A file's container. FFmpeg gets the file itself and may open no other one: playlists can name files and addresses."""
    with open(path, "rb") as file, av.open(file, mode="r", options={"protocol_whitelist": "none"}) as container:
        yield container


def _video_of(container: av.container.InputContainer) -> av.VideoStream:
    """The stream of pictures. Raises ValueError where there is none, or none that can be decoded."""
    stream = container.streams.best("video")  # the longest rather than the first, which can be a cover picture
    if stream is None or stream.disposition & av.stream.Disposition.attached_pic:
        raise ValueError("it holds no video")
    if not isinstance(stream, av.VideoStream) or not isinstance(stream.codec_context, av.VideoCodecContext):  # it has none: no codec of FFmpeg's
        raise ValueError("nothing here knows its codec")
    context = stream.codec_context
    if context.width * context.height > MOST_PIXELS:
        raise ValueError(f"{context.width} x {context.height} pixels are too many")
    return stream


def _announced(stream: av.VideoStream) -> int:
    """Frames that the file says it shows, 0 where it does not say. An edit list hides some of those that the stream holds."""
    shown = float((stream.duration or 0) * (stream.time_base or 0) * (stream.average_rate or 0))
    return min(stream.frames, round(shown)) if shown else stream.frames


def _decoder(stream: av.VideoStream) -> av.CodecContext:
    """The stream's decoder, or the one that keeps its alpha."""
    context = stream.codec_context
    name = ALPHA_DECODERS.get(context.name)
    if name is None or stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) != "1" or name not in av.codecs_available:
        stream.thread_type = "AUTO"
        return context
    decoder = av.CodecContext.create(name, "r")
    decoder.extradata = context.extradata
    return decoder
