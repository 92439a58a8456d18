"""Who has the threads: the kernels, and not torch's small operations beside them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from align4d.rendering.cpu import threads
from align4d.rendering.cpu.threads import GRAIN, begun, beside_each_other, run, threads_for_kernels, threads_for_torch, windows_of


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "core_count", lambda: 2)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def parts_of(work: int) -> list[int]:
    seen: list[int] = []
    run(lambda part, parts: seen.append(part), work)
    return sorted(seen)


def test_kernels_keep_what_torch_gives_up() -> None:
    with threads_for_kernels():
        assert torch.get_num_threads() == 1
        assert parts_of(10 * GRAIN) == [0, 1]
        with threads_for_kernels():
            assert parts_of(10 * GRAIN) == [0, 1]
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_torch_has_them_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="cancelled"), threads_for_kernels():
        raise ValueError("cancelled")
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert parts_of(10 * GRAIN) == [0]


def test_large_operations_of_torch_get_them_for_a_while() -> None:
    with threads_for_kernels():
        with threads_for_torch():
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
    with threads_for_torch():
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 2


def test_what_is_made_beside_each_other_keeps_its_order() -> None:
    seen: list[str] = []

    def work(item: int) -> int:
        time.sleep(0.02 if item % 2 else 0.0)
        seen.append(threading.current_thread().name)
        return item * item

    assert beside_each_other(work, range(9)) == [item * item for item in range(9)]
    assert threading.current_thread().name not in seen


def test_a_window_is_made_when_the_one_before_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "WINDOW", 3)
    made: list[int] = []

    def work(number: int) -> int:
        made.append(number)
        return -number

    taken = windows_of(work, 7)
    assert [next(taken) for _ in range(3)] == [0, -1, -2] and sorted(made) == [0, 1, 2]
    assert list(taken) == [-3, -4, -5, -6] and sorted(made) == list(range(7))


def test_work_that_fails_ahead_tells_who_asks_for_it() -> None:
    def fail(_: int) -> None:
        raise ValueError("nothing came of it")

    with pytest.raises(ValueError, match="nothing came"):
        begun(fail, 1).result()
    assert begun(lambda number: number + 1, 1).result() == 2
