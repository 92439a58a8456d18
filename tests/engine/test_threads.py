"""Who has the threads: the kernels, and not torch's small operations beside them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from align4d.rendering.cpu import threads
from align4d.rendering.cpu.threads import GRAIN, begun, beside_each_other, run, shared_out, threads_for_kernels, windows_of
from align4d.rendering.cpu.workers import Workers


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "core_count", lambda: 2)
    monkeypatch.setattr(threads, "_workers", Workers())
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


def test_nobody_waits_for_a_thread_that_has_begun_nothing() -> None:
    held, release = threading.Event(), threading.Event()

    def hold(part: int, parts: int) -> None:  # the only helper is kept from its core
        if threading.current_thread() is not threading.main_thread() and not held.is_set():
            held.set()
            release.wait(20)

    helper = threading.Thread(target=lambda: threads._workers.make([lambda: hold(0, 1), lambda: hold(1, 1)], 2))
    helper.start()
    assert held.wait(20)
    try:
        began = time.perf_counter()
        for _ in range(5):
            assert parts_of(10 * GRAIN) == [0, 1]
        assert time.perf_counter() - began < 5
    finally:
        release.set()
        helper.join()


def test_a_helper_that_fails_tells_who_asked() -> None:
    waits = threading.Barrier(2, timeout=20)

    def kernel(part: int, parts: int) -> None:
        waits.wait()  # each thread has one part
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("no such pixel")

    with pytest.raises(ValueError, match="no such pixel"):
        run(kernel, 10 * GRAIN)
    assert parts_of(10 * GRAIN) == [0, 1]


def test_who_fails_waits_for_the_others() -> None:
    waits, done = threading.Barrier(2, timeout=20), threading.Event()

    def kernel(part: int, parts: int) -> None:
        waits.wait()
        if threading.current_thread() is threading.main_thread():
            raise ValueError("no such pixel")
        time.sleep(0.2)
        done.set()

    with pytest.raises(ValueError, match="no such pixel"):
        run(kernel, 10 * GRAIN)
    assert done.is_set()


def test_shared_work_keeps_its_order_and_each_thread_is_one() -> None:
    waits = threading.Barrier(2, timeout=20)

    def work(item: int) -> tuple[int, str, list[int], int]:
        if item >= 2:
            return item * item, threading.current_thread().name, [0], torch.get_num_threads()
        waits.wait()  # both threads are at work
        parts = parts_of(10 * GRAIN)
        waits.wait()
        return item * item, threading.current_thread().name, parts, torch.get_num_threads()

    with threads_for_kernels():
        squares, names, parts, torch_threads = zip(*shared_out(work, range(9)), strict=True)
        assert parts_of(10 * GRAIN) == [0, 1]
    assert list(squares) == [item * item for item in range(9)]
    assert len(set(names)) == 2 and all(seen == [0] for seen in parts) and set(torch_threads) == {1}
    assert torch.get_num_threads() == 2


def test_who_waits_for_the_last_share_helps_with_it() -> None:
    seen: list[tuple[int, str]] = []
    both = threading.Barrier(2, timeout=20)

    def kernel(part: int, parts: int) -> None:
        both.wait()  # each of two parts has a thread of its own
        seen.append((part, threading.current_thread().name))

    def work(item: int) -> None:
        both.wait()  # each has one share
        if threading.current_thread() is not threading.main_thread():
            while not threads._workers.free:  # until the other one has nothing left to do
                time.sleep(0.001)
            run(kernel, 10 * GRAIN)

    with threads_for_kernels():
        shared_out(work, range(2))
    assert sorted(part for part, _ in seen) == [0, 1] and "MainThread" in {name for _, name in seen}
