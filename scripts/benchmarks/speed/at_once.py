"""Independent pieces of work in several processes, each with its share of the cores and a GPU."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from typing import TypeVar

import torch

from align4d.rendering.cpu.threads import core_count

Work = TypeVar("Work")
Found = TypeVar("Found")

THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
"""What tells libraries how many cores they may use; a worker's own processes inherit it."""


def at_once(measure: Callable[[Work], Found], works: Sequence[Work], workers: int) -> Iterator[tuple[Work, Future[Found]]]:
    """Each work with its finished future, as they finish.

    Args:
        measure: picklable where there is more than one worker.
        workers: processes; with 1 everything happens in this one, in order.
    """
    with _executor(workers) as executor:
        waiting = {executor.submit(measure, work): work for work in works}
        for done in as_completed(waiting):
            yield waiting[done], done


def _executor(workers: int) -> Executor:
    if workers == 1:
        return ThreadPoolExecutor(1)
    context = multiprocessing.get_context("spawn")
    places: multiprocessing.Queue[int] = context.Queue()
    for place in range(workers):
        places.put(place)
    return ProcessPoolExecutor(workers, context, _settle, (places, workers, torch.cuda.device_count()))


def _settle(places: multiprocessing.Queue[int], workers: int, gpus: int) -> None:
    """Takes this worker's place: a GPU, in turn, and its cores."""
    place = places.get()
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(place % gpus)
    share = max(1, core_count() // workers)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[place * share : (place + 1) * share] or cores)
    os.environ.update(dict.fromkeys(THREADS, str(share)))
