"""Run a numba kernel on several cores: plain Python threads around kernels that release the GIL.

Numba's own parallel loops were measured and left: under its OpenMP layer a 5 ms rendering takes 100 ms as soon as
another program (Blender) uses the cores, because its threads wait by spinning, and its portable layer ends the process
when it is entered from two threads. These threads sleep while they wait, and may be used from anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

_pool = ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="align4d-raster")


def worker_count() -> int:
    """How many threads a kernel gets: as many as torch uses (`torch.set_num_threads`)."""
    return max(1, min(torch.get_num_threads(), os.cpu_count() or 1))


def run(kernel: Callable[..., None], *arguments: Any) -> None:
    """Call `kernel(worker, workers, *arguments)` once for each worker, this thread being the first, and wait for all."""
    workers = worker_count()
    others = [_pool.submit(kernel, worker, workers, *arguments) for worker in range(1, workers)]
    kernel(0, workers, *arguments)
    for other in others:
        other.result()
