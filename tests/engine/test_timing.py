"""Which pictures a clip is made of, whatever its header says of their rate."""

from __future__ import annotations

import numpy as np
import pytest

from align4d.inputs.repeats import before_conversion
from align4d.inputs.timing import Timing, find_timing


def shown(timing: Timing) -> list[int]:
    return list(timing.order)


def test_pictures_at_the_header_s_rate_stay_as_they_are() -> None:
    assert find_timing([float(i) for i in range(20)]) == Timing(tuple(range(20)))
    assert find_timing([i + 0.3 * (-1) ** i for i in range(20)]).pace == 1  # a phone's clock
    assert find_timing([0.0]) == Timing((0,)) and find_timing([]) == Timing(())


def test_twenty_four_pictures_in_a_header_of_sixty() -> None:
    times = [float(np.floor(2.5 * i)) for i in range(49)]
    timing = find_timing(times)
    assert shown(timing) == list(range(49)) and timing.pace == pytest.approx(2.5, rel=0.01)


def test_a_gif_whose_delays_vary_a_little() -> None:
    gaps = [5, *[2] * 8, 4, *[2] * 9, 5, *[2] * 12]
    timing = find_timing(np.concatenate([[0], np.cumsum(gaps)]).tolist())
    assert timing.each_once and timing.pace == pytest.approx(sum(gaps) / len(gaps), rel=0.03)


def test_times_that_collide_cost_no_picture() -> None:
    times = [0, 0, 2, 2, 5, 5, 5, 7, 7, 10, 10, 10, 12, 12, 14, 14, 14, 17, 17, 19, 19]
    assert shown(find_timing([float(t) for t in times])) == list(range(21))


@pytest.mark.parametrize(("times", "order"), [([0, 1, 2, 5, 6], [0, 1, 2, 2, 2, 3, 4]), ([0, 2, 4, 6, 20, 22, 24], [0, 1, 2, 3, *[3] * 6, 4, 5, 6])])
def test_a_picture_that_stays_is_held(times: list[int], order: list[int]) -> None:
    assert shown(find_timing([float(t) for t in times])) == order


def test_a_single_missing_frame_is_held_and_no_conversion() -> None:
    times = [*range(10), *range(11, 20)]
    timing = find_timing([float(t) for t in times])
    assert len(timing.order) == 20 and timing.pace == 1


def test_the_last_picture_is_held_up_to_the_end_of_the_range() -> None:
    assert shown(find_timing([3.0, 4.0], end=6)) == [0, 1, 1, 1]


def held(runs: list[int]) -> list[np.ndarray]:
    """Frames of pictures that are held so long, as an encoder leaves them: nearly equal."""
    noise = np.random.default_rng(0)
    pictures = noise.integers(0, 255, (len(runs), 32, 32, 3))
    return [(picture + noise.integers(0, 2, picture.shape)).clip(0, 255).astype(np.uint8) for picture in np.repeat(pictures, runs, 0)]


@pytest.mark.parametrize("runs", [[1, 1, 1, 1, 2] * 4, [2, 3] * 6, [1, 2] * 8], ids=["24 to 30", "24 to 60", "20 to 30"])
def test_a_rate_that_was_raised_is_lowered_again(runs: list[int]) -> None:
    starts = before_conversion(held(runs))
    assert starts is not None and starts.tolist() == np.concatenate([[0], np.cumsum(runs)[:-1]]).tolist()


@pytest.mark.parametrize(
    "runs",
    [[2] * 12, [1] * 20, [1, 1, 2, 2, 1, 1, 1, 4, 1, 1, 2, 1], [1] * 8 + [2] + [1] * 8, [2, 1, 2], [20]],
    ids=["on twos", "on ones", "by no rule", "once", "too short", "nothing moves"],
)
def test_pictures_held_on_purpose_stay(runs: list[int]) -> None:
    assert before_conversion(held(runs)) is None
