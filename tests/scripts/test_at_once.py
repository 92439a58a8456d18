"""Work in several processes: everything is answered, a failure is its own work's alone, and cores are shared out."""

from __future__ import annotations

import os

import pytest

from align4d.rendering.cpu.threads import core_count
from benchmarks.speed.at_once import THREADS, at_once


def test_workers_share_the_cores() -> None:
    answers = {name: done.result() for name, done in at_once(os.getenv, [*THREADS], 2)}
    assert answers == dict.fromkeys(THREADS, str(max(1, core_count() // 2)))


def test_one_worker_keeps_the_order_and_a_failure_is_its_own() -> None:
    finished = list(at_once(lambda number: 6 // number, [3, 0, 2], 1))
    by_work = dict(finished)
    assert (by_work[3].result(), by_work[2].result()) == (2, 3)
    with pytest.raises(ZeroDivisionError):
        by_work[0].result()
