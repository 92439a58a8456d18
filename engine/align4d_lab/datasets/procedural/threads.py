"""Pieces of work in threads. Numba's own parallel loops compile the whole tree of functions three times over."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def in_threads(work: Callable[[int, int], None], count: int, least: int = 1) -> None:
    """Calls work(first, after) for pieces that make up 0 … count - 1; `work` should release the GIL. Raises what it raises.

    Args:
        least: items of a piece that are worth a thread of their own.
    """
    workers = max(1, min(os.cpu_count() or 1, count // least))
    piece = max(least, -(-count // (4 * workers)))  # some are slower than others
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, first, min(first + piece, count)) for first in range(0, count, piece)]:
            done.result()
