"""One engine at a time in a job folder: Blender may have died and been started again while the old engine still writes its checkpoint."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from ..errors import EngineError, writing
from ..protocol import RECORD, clear_unfinished, hold

LOCK = "engine.lock"
PATIENCE = 30.0
"""Seconds that another engine gets to leave; one that was told to does so within an iteration."""

_PAUSE = 0.1


@contextlib.contextmanager
def sole_engine(folder: Path, check_cancelled: Callable[[], None], patience: float = PATIENCE) -> Iterator[None]:
    """Holds the job folder, and clears away what a killed engine was writing.

    Raises:
        EngineError: "job_busy" where another engine keeps working on the job, "disk_full" or "cannot_write" where nothing can be written.
        Cancelled: by `check_cancelled`, which is called while waiting.
    """
    end = time.monotonic() + patience
    while (lock := _hold(folder)) is None:
        check_cancelled()
        if time.monotonic() > end:
            raise EngineError("job_busy", "Another engine is working on this job.", "Wait until it has ended, then press Resume.")
        time.sleep(_PAUSE)
    with lock:
        clear_unfinished(folder, RECORD)
        yield


def _hold(folder: Path) -> IO[bytes] | None:
    with writing():
        return hold(folder / LOCK)
