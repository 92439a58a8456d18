"""Two clips of one motion brought into step: when each frame of the one was taken, and which frame of the other shows the same moment."""

from __future__ import annotations

import numpy as np

LEAST_SHARED = 0.5
"""Part of the shorter clip that the other one has to show too."""

LEAST_ALIKE = 0.5
"""Correlation of two clips' heights from which they are taken to be in step."""

STEPS = 4
"""Offsets that are tried for each frame of the clip that has more of them a second."""


def frames_at(times: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of `times` (T,) [s] the nearest one of `others` (S,), which rise, and whether it is that moment: (T,) int64 and bool."""
    index = np.abs(times[:, None] - others).argmin(1)
    longest = max(np.diff(others).max(initial=0.0), np.diff(times).max(initial=0.0))
    return index, np.abs(times - others[index]) <= 0.5 * longest + 1e-6


def heights(masks: np.ndarray) -> np.ndarray:
    """(F, 2) the upper and the lower end of masks (F, H, W) in [0, 1], in heights of the object in the mean; NaN where a mask is empty.

    Whichever side a body is seen from, its top and its bottom are where they are: the two ends rise and fall alike in all clips of a motion
    whose cameras look about as steeply.
    """
    rows = masks.max(axis=2) > 0.5
    ends = np.stack([rows.argmax(1), rows.shape[1] - rows[:, ::-1].argmax(1)], 1).astype(np.float64)
    ends[~rows.any(1)] = np.nan
    found: np.ndarray = ends / max(float(np.nanmean(ends[:, 1] - ends[:, 0])), 1.0) if rows.any() else ends
    return found


def find_offset(first: np.ndarray, first_times: np.ndarray, second: np.ndarray, second_times: np.ndarray) -> float | None:
    """Seconds that have to be added to the second clip's times for its heights to move as the first's; None where they never do.

    Args:
        first, second: (T, 2) and (S, 2), see `heights`.
        first_times, second_times: (T,) and (S,), when they were taken [s], each by its own clock.
    """
    seen, shown = np.isfinite(first).all(1), np.isfinite(second).all(1)
    least = max(LEAST_SHARED * min(seen.sum(), shown.sum()), 3)
    if shown.sum() < least:
        return None
    times, ends = second_times[shown], second[shown]
    step = min(np.diff(first_times).min(), np.diff(second_times).min()) / STEPS
    best: tuple[float, float] | None = None
    for offset in np.arange(first_times[0] - times[-1], first_times[-1] - times[0] + step, step):
        at = first_times - offset
        both = seen & (at >= times[0] - 1e-6) & (at <= times[-1] + 1e-6)
        if both.sum() < least:
            continue
        there = np.stack([np.interp(at[both], times, column) for column in ends.T], 1)
        score = _correlation(first[both], there)
        if score >= LEAST_ALIKE and (best is None or score > best[0]):
            best = score, float(offset)
    return None if best is None else best[1]


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Of the changes over time of two series (F, 2)."""
    one, other = one - one.mean(0), other - other.mean(0)
    return float((one * other).sum() / max(np.sqrt((one**2).sum() * (other**2).sum()), 1e-9))
