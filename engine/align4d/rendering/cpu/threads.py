"""Run a numba kernel on several cores: plain Python threads around kernels that release the GIL.

Not numba's own parallel loops: the threads of its OpenMP layer wait by spinning, which costs most of the time as soon as another
program (Blender) uses the cores, and its portable layer ends the process when it is entered from two threads. These threads sleep
while they wait, and may be used from anywhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

import torch

from .workers import Workers


def core_count() -> int:
    """Processor cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_workers = Workers()

GRAIN = 2000
"""Gaussians, or pairs of a tile and a Gaussian, that are worth another thread: several times the work of waking it."""

LARGE_GRAIN = 20_000
"""The same for a part more than there are threads, which costs time, but evens out what other programs take."""


_threads: ContextVar[int | None] = ContextVar("threads", default=None)
_sharing: ContextVar[bool] = ContextVar("sharing", default=False)


@contextmanager
def threads_for_kernels() -> Iterator[None]:
    """Within it torch's operations run on one thread, and all threads that torch had are the kernels'.

    For work of many small operations. Torch shares out each of them and waits for the slowest thread, so that another program on one core
    holds up every operation. One thread also sums in one order, so that the result does not depend on how many cores there are.
    """
    before = torch.get_num_threads()
    token = _threads.set(_threads.get() or before)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _threads.reset(token)


WINDOW = 24
"""Frames of which the results are kept at once."""

Item = TypeVar("Item")
Made = TypeVar("Made")


def beside_each_other(work: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """What `work` makes of each item, in their order, on all cores: for large operations that release the GIL, numpy's and Pillow's."""
    with ThreadPoolExecutor(core_count()) as pool:
        return list(pool.map(work, items))


def windows_of(work: Callable[[int], Made], count: int) -> Iterator[Made]:
    """`work` of 0, 1, ... in this order, a window of them beside each other: what is made and not yet taken is bounded by it."""
    for begin in range(0, count, WINDOW):
        yield from beside_each_other(work, range(begin, min(begin + WINDOW, count)))


def begun(work: Callable[[Item], Made], item: Item) -> Future[Made]:
    """`work` of an item, in a thread of its own from now on, for what is needed later."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="align4d-ahead")
    future = pool.submit(work, item)
    pool.shutdown(wait=False)
    return future


def run(kernel: Callable[..., None], work: int, *arguments: Any) -> None:
    """Call `kernel(part, parts, *arguments)` for every part, on as many threads as torch uses (see `threads_for_kernels`), and wait for all.

    Args:
        work: Gaussians or pairs that the kernel goes through; decides the number of threads and parts.
    """
    threads = min(_thread_count(), -(-work // GRAIN))
    if threads <= 1:
        kernel(0, 1, *arguments)
        return
    parts = max(threads, min(4 * threads, work // LARGE_GRAIN))
    _workers.make([partial(kernel, part, parts, *arguments) for part in range(parts)], threads)


def shared_out(work: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
    """What `work` makes of each item, in their order, on as many threads as `run` has; kernels that it runs have one, and those that wait.

    Work of torch, too, which in each of these threads is on it alone. Unlike `run` for work of many steps: threads wait for each other once.
    """
    made: dict[int, Made] = {}
    threads = _threads.get() or torch.get_num_threads()

    def make(number: int) -> None:
        tokens = _threads.set(threads), _sharing.set(True)
        try:
            made[number] = work(items[number])
        finally:
            _threads.reset(tokens[0])
            _sharing.reset(tokens[1])

    _workers.make([partial(make, number) for number in range(len(items))], min(_thread_count(), len(items)))
    return [made[number] for number in range(len(items))]


def _thread_count() -> int:
    """Threads for the work at hand: all that it may have, or those that are free where it is itself a share."""
    allowed = min(_threads.get() or torch.get_num_threads(), core_count())
    return min(allowed, 1 + _workers.free) if _sharing.get() else allowed
