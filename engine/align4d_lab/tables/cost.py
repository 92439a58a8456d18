"""One job folder through the engine, in a process of its own; seconds and peak memory of each stage go to costs.json.

python -m align4d_lab.tables.cost JOB_FOLDER [per-frame [distances] [joint_alignment] [turns]]

With per-frame, the per-frame method in the place of the engine's own, and what it borrows of the paper.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import psutil
import torch

from align4d import protocol
from align4d.job.reporting import EventReporter
from align4d.machine.description import machine
from align4d.pipeline import artist

from ..adapters.per_frame import Borrowed
from ..adapters.per_frame_job import animate_frame_by_frame

PAUSE = 0.05
"""Seconds between two looks at the memory."""


class StageMemory:
    """Peak of `read` during each stage, sampled by a thread; a context manager.

    Args:
        read: memory in use now [bytes].
    """

    def __init__(self, read: Callable[[], int]) -> None:
        self.peaks: dict[str, int] = {}
        self._read = read
        self._stage = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> StageMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._look()

    def begin(self, stage: str) -> None:
        """From now on the memory is that of `stage`."""
        self._look()
        self._stage = stage
        self._look()

    def _watch(self) -> None:
        while not self._stopped.wait(PAUSE):
            self._look()

    def _look(self) -> None:
        if stage := self._stage:
            self.peaks[stage] = max(self.peaks.get(stage, 0), self._read())


class GpuMemory:
    """Peak of what torch held on the graphics card during each stage [bytes]; empty without one."""

    def __init__(self, device: str) -> None:
        self.peaks: dict[str, int] = {}
        self._used = device == "cuda"
        self._stage = ""

    def begin(self, stage: str) -> None:
        """Ends the stage before, and begins `stage`; "" only ends."""
        if self._used:
            if self._stage:
                self.peaks[self._stage] = torch.cuda.max_memory_allocated()
            torch.cuda.reset_peak_memory_stats()
        self._stage = stage


class CostReporter(EventReporter):
    """Tells both memories when a stage begins; events go to the log as lines."""

    def __init__(self, begin: Callable[[str], None]) -> None:
        super().__init__("table", _print, threading.Event(), pause=5.0)
        self._begin = begin

    def stage(self, name: str, index: int, count: int) -> None:
        """See `Reporter`."""
        self._begin(name)
        super().stage(name, index, count)


def _print(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


def main(folder: Path, borrowed: Borrowed | None = None) -> None:
    """Runs the job and writes costs.json last, so that its presence means complete."""
    device = protocol.read_request(folder).device
    gpu = GpuMemory(device)
    began = time.perf_counter()
    with StageMemory(lambda: int(psutil.Process().memory_info().rss)) as memory:

        def begin(stage: str) -> None:
            memory.begin(stage)
            gpu.begin(stage)

        report = CostReporter(begin)
        result = artist.run(folder, report) if borrowed is None else animate_frame_by_frame(folder, report, borrowed)
    gpu.begin("")
    costs = {
        "machine": machine(device),
        "seconds": time.perf_counter() - began,
        "stages": {
            name: {"seconds": seconds, "gb": memory.peaks[name] / 1e9, "gpu_gb": gpu.peaks[name] / 1e9 if name in gpu.peaks else None}
            for name, seconds in result.seconds.items()
        },
    }
    with protocol.replacing(folder / "costs.json", "w") as file:
        json.dump(costs, file, indent=1)


if __name__ == "__main__":
    job, *words = sys.argv[1:]
    main(Path(job), Borrowed(**{one.name: one.name in words for one in fields(Borrowed)}) if words else None)
