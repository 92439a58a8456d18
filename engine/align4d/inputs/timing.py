"""How often the pictures of a clip change: what its header says, and what is true.

Generated clips, screen recordings and GIFs name a rate that their pictures do not keep: 24 pictures a second in a file of 60, each
to be shown for two or three frames. Taken at its word such a clip is mostly copies, and its motion stands still and jumps.
Others give the same time to several pictures. Held pictures of an animation on purpose are none of that, and stay.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

FEWEST = 8
"""Pictures by which a rhythm is known."""
HELD = 2.5
"""A picture that is shown this many times as long as usual is held on purpose."""
AT_ONCE = 0.1
"""Pictures nearer than this part of the usual time come at once: a clip in which more than COLLIDING of them do has no use for its times."""
COLLIDING = 0.05


@dataclasses.dataclass(frozen=True)
class Timing:
    """Which picture each frame of a clip shows.

    Attributes:
        order: (T,) index of the picture; a picture that is held comes several times.
        pace: how many frames, as players count them, a frame of the clip lasts.
    """

    order: tuple[int, ...]
    pace: float = 1.0

    @property
    def each_once(self) -> bool:
        """Whether no picture is held."""
        return len(set(self.order)) == len(self.order)


def find_timing(times: Sequence[float], end: int = -1) -> Timing:
    """The timing of pictures that are shown at `times` (N,), in frames as players count them, in the order in which they come.

    Args:
        end: last frame, as players count them, up to which the last picture is held; -1: it is shown once.
    """
    moments = np.asarray(times, np.float64)
    if not len(moments):
        return Timing(())
    if len(moments) < 3:
        return _held(moments, 1.0, end)
    gaps, beat = np.diff(moments), np.arange(len(moments))
    mean, start = np.polyfit(beat, moments, 1).tolist()
    usual = float(np.median(gaps))
    if mean > 0 and (gaps <= AT_ONCE * mean).mean() > COLLIDING:
        return Timing(tuple(range(len(moments))), _snapped(mean))
    if usual < 1.05:  # the header's rate is what most pictures keep
        return Timing(tuple(range(len(moments))), _snapped(mean)) if is_even(moments) else _held(moments, 1.0, end)
    drift = np.ptp(moments - start - mean * beat)
    if gaps.max() <= HELD * usual and drift < 2 * usual:
        return Timing(tuple(range(len(moments))), _snapped(mean))
    return _held(moments, float(gaps[gaps <= HELD * usual].mean()), end)


def is_even(starts: np.ndarray) -> bool:
    """Whether pictures that start at `starts` (N,) [frames] were spread evenly over the frames by a conversion of the rate.

    Such a conversion puts each picture into the frame nearest to its time: none is more than a frame from a steady beat, and some are
    shown once more than others. Pictures that are all shown equally often, or by no rule, are held on purpose.
    """
    if len(starts) < FEWEST:
        return False
    gaps, beat = np.diff(starts), np.arange(len(starts))
    longer = int((gaps > gaps.min() + 0.5).sum())
    off = starts - np.polyval(np.polyfit(beat, starts, 1), beat)
    return bool(longer >= 3 and longer < len(gaps) - 2 and np.ptp(off) < 1)


def _held(moments: np.ndarray, pace: float, end: int) -> Timing:
    """Each picture from its moment, in steps of `pace`, until the next one; none is left out."""
    slots: list[int] = []
    for moment in moments:
        slot = round(float(moment - moments[0]) / pace)
        slots.append(max(slot, slots[-1] + 1) if slots else slot)
    if end != -1:
        slots.append(max(slots[-1], round(float(end - moments[0]) / pace)) + 1)
    lengths = np.diff([*slots, slots[-1] + 1] if end == -1 else slots)
    return Timing(tuple(np.repeat(np.arange(len(moments)), lengths).tolist()), pace)


def _snapped(pace: float) -> float:
    return 1.0 if abs(pace - 1) < 0.02 else pace
