"""A decoded video frame as a picture: its colors as screens show them, its alpha, and the right way up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import av
import av.filter
import numpy as np

from . import hdr
from .pictures import Picture

BT709, UNSPECIFIED = 1, 2
"""Values of AVColorSpace."""


DisplayMatrix = tuple[float, float, float, float]
"""(a, b, c, d): a pixel's place (x, y) is shown at (a x + c y, b x + d y)."""


def display_matrix(frame: av.VideoFrame) -> DisplayMatrix | None:
    """How the file says that its frames are to be turned and mirrored: the same for all of them.

    To be asked of one frame only: PyAV's frames keep themselves alive once they were asked, until Python's next full collection.
    """
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32, 5).astype(np.float64).tolist()
    return a, b, c, d


def picture_of(frame: av.VideoFrame, aspect: float, matrix: DisplayMatrix | None) -> Picture:
    """The picture of a frame whose pixels are `aspect` times as wide as high, turned by `matrix`."""
    pixels, aspect = _upright(_colors(frame), matrix, aspect)
    return Picture(np.ascontiguousarray(pixels), aspect)


def progressive(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Interlaced frames woven from their fields (FFmpeg's bwdif), as many as there were; others as they are."""
    graph: av.filter.Graph | None = None
    for frame in frames:
        if graph is None and frame.interlaced_frame:
            graph = _deinterlacer(frame)
        if graph is None:
            yield frame
        else:
            graph.vpush(frame)
            yield from _pulled(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _pulled(graph)


def _deinterlacer(frame: av.VideoFrame) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")).configure()
    return graph


def _pulled(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _colors(frame: av.VideoFrame) -> np.ndarray:
    """(H, W, 3) or, with alpha, (H, W, 4) uint8 sRGB."""
    if frame.color_trc in (hdr.PQ, hdr.HLG):
        return hdr.to_srgb(frame.to_ndarray(format="rgb48"), frame.color_trc)
    alpha = frame.format.name == "pal8" or any(component.is_alpha for component in frame.format.components)
    # Players take untagged video of 720 lines and more as BT.709; swscale would take it as BT.601.
    untagged = not frame.format.is_rgb and frame.colorspace == UNSPECIFIED and frame.height >= 720
    return frame.to_ndarray(format="rgba" if alpha else "rgb24", src_colorspace=BT709 if untagged else None)


def _upright(pixels: np.ndarray, matrix: DisplayMatrix | None, aspect: float) -> tuple[np.ndarray, float]:
    """The pixels turned and mirrored as the file says, and the aspect of their pixels then: phones turn by quarters, their front cameras mirror."""
    if matrix is None:
        return pixels, aspect
    a, b, c, d = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, aspect, a, d = pixels.swapaxes(0, 1), 1 / aspect, c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1], aspect
