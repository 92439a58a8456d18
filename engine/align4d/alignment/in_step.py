"""Two clips of one motion brought into step: when each frame of the one was taken, and which frame of the other shows the same moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAST_SHARED = 0.5
"""Part of the shorter clip that the other one has to show too."""

LEAST_ALIKE = 0.5
"""Correlation of two clips' outlines from which they are taken to be in step."""

ABOUT_AS_ALIKE = 0.1
"""An offset that is told is believed where the correlation is at most so much less than at the best one."""

WHOLE = 0.9
"""Part of the longer clip that both show where they are taken to have been filmed from beginning to end together."""

ROWS, REACH = 32, 1.1
"""Heights at which outlines are compared, and how far they reach from the middle [heights of the object]."""

STEPS = 4
"""Offsets that are tried for each frame of the clip that has more of them a second."""


def frames_at(times: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of `times` (T,) [s] the nearest one of `others` (S,), which rise, and whether it is that moment: (T,) int64 and bool."""
    index = np.abs(times[:, None] - others).argmin(1)
    longest = max(np.diff(others).max(initial=0.0), np.diff(times).max(initial=0.0))
    return index, np.abs(times - others[index]) <= 0.5 * longest + 1e-6


def together(times: np.ndarray, others: np.ndarray) -> bool:
    """Whether two clips, whose frames were taken at `times` (T,) and `others` (S,) [s] by one clock, begin and end about together."""
    shared = min(times[-1], others[-1]) - max(times[0], others[0])
    return bool(shared >= WHOLE * max(np.ptp(times), np.ptp(others)))


@dataclass(frozen=True)
class Outlines:
    """What of a clip's masks looks about alike from whichever side a body is seen, in heights of the object in the mean; NaN where it is not there.

    Its top and its bottom are where they are from everywhere, and what is broad from one side is mostly so from another: both change alike
    in all clips of a motion whose cameras look about as steeply.

    Attributes:
        ends: (F, 2) the upper and the lower end.
        profile: (F, ROWS) how broad it is at heights around its middle.
    """

    ends: np.ndarray
    profile: np.ndarray


def outlines_of(masks: np.ndarray) -> Outlines:
    """Of masks (F, H, W) in [0, 1]."""
    rows = masks.max(axis=2) > 0.5
    there = rows.any(1)
    ends = np.stack([rows.argmax(1), rows.shape[1] - rows[:, ::-1].argmax(1)], 1).astype(np.float64)
    ends[~there] = np.nan
    tall = max(float(np.nanmean(ends[:, 1] - ends[:, 0])), 1.0) if there.any() else 1.0
    broad, line = (masks > 0.5).sum(axis=2) / tall, np.arange(rows.shape[1])
    middle = float((broad.sum(0) * line).sum() / max(broad.sum(), 1e-9))
    profile = np.stack([np.interp(middle + tall * np.linspace(-REACH, REACH, ROWS), line, one) for one in broad])
    profile[~there] = np.nan
    return Outlines(ends / tall, profile)


def find_offset(first: Outlines, first_times: np.ndarray, second: Outlines, second_times: np.ndarray, told: float | None = None) -> float | None:
    """Seconds that have to be added to the second clip's times for its outlines to change as the first's; `told` where they never do.

    Args:
        first, second: of T and S frames.
        first_times, second_times: (T,) and (S,), when they were taken [s], each by its own clock.
        told: what something else says that this is, such as a pose that comes again: the outlines decide whether it is meant.
    """
    seen, shown = (np.isfinite(one.ends).all(1) for one in (first, second))
    least = max(LEAST_SHARED * min(seen.sum(), shown.sum()), 3)
    if shown.sum() < least:
        return told
    times = second_times[shown]
    step = min(np.diff(first_times).min(), np.diff(second_times).min()) / STEPS
    scores: dict[float, float] = {}
    for offset in (*([] if told is None else [told]), *np.arange(first_times[0] - times[-1], first_times[-1] - times[0] + step, step).tolist()):
        at = first_times - offset
        both = seen & (at >= times[0] - 1e-6) & (at <= times[-1] + 1e-6)
        if both.sum() < least:
            continue
        pairs = (first.ends, second.ends), (first.profile, second.profile)
        scores[offset] = float(np.mean([_correlation(one[both], _at(at[both], times, other[shown])) for one, other in pairs]))
    best = max(scores, key=lambda offset: scores[offset], default=None)
    if best is None or scores[best] < LEAST_ALIKE or (told in scores and scores[told] >= scores[best] - ABOUT_AS_ALIKE):
        return told
    return best


def _at(moments: np.ndarray, times: np.ndarray, series: np.ndarray) -> np.ndarray:
    """(M, N) a series (S, N) of `times` (S,) at other moments (M,)."""
    return np.stack([np.interp(moments, times, column) for column in series.T], 1)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Of the changes over time of two series (F, N)."""
    one, other = one - one.mean(0), other - other.mean(0)
    return float((one * other).sum() / max(np.sqrt((one**2).sum() * (other**2).sum()), 1e-9))
