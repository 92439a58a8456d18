"""A movie file as a source of pictures, through PyAV (FFmpeg)."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..errors import EngineError
from .foreign import reading
from .image_file import MOST_PIXELS
from .pictures import Picture

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own VP8 and VP9 decoders drop the alpha plane; libvpx keeps it."""
BT709, UNSPECIFIED = 1, 2
"""Values of AVColorSpace."""

_ADVICE = "Choose another file, or convert it to MP4 (H.264) first."

log = logging.getLogger(__name__)


class Movie:
    """The first video stream of a file.

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
            self.announced = stream.frames
            self.aspect = float(stream.sample_aspect_ratio or 1)
        if not 0 < self.rate < math.inf:
            raise self._unreadable("it has no frame rate")
        self.fps = fps or self.rate

    def pictures(self, first: int, last: int) -> Iterator[Picture]:
        """See `Source`. Frame n is the one shown at n / rate: frames are held or dropped where the frame rate varies.

        Raises EngineError "video_unreadable".
        """
        with self._reading():
            yield from self._pictures(first, last)

    def _pictures(self, first: int, last: int) -> Iterator[Picture]:
        index = -1
        held: av.VideoFrame | None = None
        for at, frame in self._timed():
            for missing in range(index + 1, at):
                index = missing
                if index >= first and held is not None:
                    yield _picture(held, self.aspect)
                if index == last:
                    return
            held = frame
            if at <= index:
                continue  # two frames in one interval: the first is shown
            index = at
            if index >= first:
                yield _picture(frame, self.aspect)
            if index == last:
                return
        if index < 0:
            raise self._unreadable("no frame of it can be decoded")
        if index + 1 < self.announced * 0.98 - 1 and last == -1:
            self.notes.append(f"{self.path.name} ends early: {index + 1} of {self.announced} frames can be read.")

    def _timed(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """(index at the movie's rate, frame); the first frame has index 0."""
        start: int | None = None
        at = -1
        for frame in self._frames():
            if frame.pts is None:
                at += 1
            else:
                start = frame.pts if start is None else start
                at = round((frame.pts - start) * self.tick * self.rate)
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
    stream = next(iter(container.streams.video), None)
    if stream is None:
        raise ValueError("it holds no video")
    context: av.VideoCodecContext | None = stream.codec_context  # None, whatever the types say, for a codec that FFmpeg does not know
    if context is None:
        raise ValueError("nothing here knows its codec")
    if context.width * context.height > MOST_PIXELS:
        raise ValueError(f"{context.width} x {context.height} pixels are too many")
    return stream


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


def _picture(frame: av.VideoFrame, aspect: float) -> Picture:
    alpha = frame.format.name == "pal8" or any(component.is_alpha for component in frame.format.components)
    # Players take untagged video of 720 lines and more as BT.709; swscale would take it as BT.601.
    untagged = not frame.format.is_rgb and frame.colorspace == UNSPECIFIED and frame.height >= 720
    pixels = frame.to_ndarray(format="rgba" if alpha else "rgb24", src_colorspace=BT709 if untagged else None)
    turns = round(frame.rotation / 90) % 4
    return Picture(np.ascontiguousarray(np.rot90(pixels, turns)), 1 / aspect if turns % 2 else aspect)
