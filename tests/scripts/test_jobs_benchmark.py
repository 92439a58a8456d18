"""What `bench.py jobs` makes of its runs."""

from __future__ import annotations

from typing import Any

from benchmarks.speed.jobs import times_as_long


def runs(*seconds: float) -> list[dict[str, Any]]:
    return [{"seconds": one, "stages": {"reading": one / 100, "tracking": one / 2}} for one in seconds]


def test_one_disturbed_run_says_nothing_of_busy_programs() -> None:
    whole, stages = times_as_long(runs(30, 90, 33), runs(20, 22, 70))
    assert whole == 1.5 and stages == {"reading": 1.5, "tracking": 1.5}


def test_a_stage_of_no_time_is_as_long_beside_others() -> None:
    _, stages = times_as_long(runs(8), runs(2))
    assert stages == {"reading": 1.0, "tracking": 4.0}
