"""A sample of the faults that `bench.py faults` puts at every point of every kind of job: stopped there, or refused by the system there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import fault_stores
import pytest
from fault_jobs import Jobs
from faults import ERRORS, Sweep, Tally, Work

EVERY = 28
"""One point of so many; each fault has points of its own."""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    return Jobs(tmp_path_factory.mktemp("jobs") / "inputs")


@pytest.mark.parametrize("name", ["artist", "image"])
def test_a_fault_costs_nothing(jobs: Jobs, tmp_path: Path, name: str) -> None:
    work = jobs.artist() if name == "artist" else jobs.generated("image")
    sweep = Sweep(work, tmp_path, EVERY)
    assert len(sweep.points) > 40, "the work is not what is watched"
    apart = EVERY // (1 + len(ERRORS))
    for tally in (sweep.stopped(), *(sweep.failing(number, apart * place) for place, number in enumerate(ERRORS, 1))):
        assert tally.good and tally.points >= len(sweep.points) // EVERY, tally


@pytest.mark.parametrize("work", fault_stores.all(), ids=lambda work: work.name)
def test_a_fault_costs_no_store_anything(tmp_path: Path, work: Work) -> None:
    """All points: these take no time."""
    sweep = Sweep(work, tmp_path)
    for tally in (sweep.stopped(), *(sweep.failing(number) for number in ERRORS)):
        assert tally.good and tally.points == len(sweep.points) > 8, tally


def test_a_sweep_finds_what_is_wrong(jobs: Jobs, tmp_path: Path) -> None:
    """Work that counts its beginnings comes out different; work that trusts what it finds is lost; errors without words are found."""

    def careless(folder: Path) -> None:
        half = folder / "half"
        began = half.read_text() if half.exists() else ""
        half.write_text(began + "x")
        (folder / "whole").write_text(str(int("1" + began.replace("x", "1"))))
        if began == "xx":
            raise ValueError("began too often")

    def outcome(folder: Path) -> object:
        return (folder / "whole").read_text()

    work = dataclasses.replace(jobs.generated("video"), begin=lambda folder: None, go_on=careless, outcome=outcome)
    sweep = Sweep(work, tmp_path)
    stopped: Tally = sweep.stopped()
    assert stopped.different and not stopped.good
    failing = sweep.failing(ERRORS[0])
    assert failing.unforeseen and not failing.good
