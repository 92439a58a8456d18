"""Batch: what a second local Ray worker brings, and whether shots whose workers are killed again and again end as undisturbed ones."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from align4d import protocol
from align4d.batch.executor import LOCAL, OnRay
from align4d.batch.shots import Shot, read_shots
from align4d.cli.batch import make_shot
from align4d.machine.description import machine
from support import environments, folders
from support.console import ScriptError, say

_TITLE = "ray::do"
"""How a worker that makes a shot is called among the processes."""

_LOOK = 0.2
"""Seconds between two looks for a worker."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shots", type=Path, help="a list of shots, as align4d batch takes it")
    parser.add_argument("--out", type=Path, required=True, help="folder for batch.json and the shots, made three times")
    parser.add_argument("--kills", type=int, default=10, help="workers that are killed at random instants")
    parser.add_argument("--seed", type=int, default=0, help="of the instants")


def run(arguments: argparse.Namespace) -> int:
    """Writes OUT/batch.json; 1 where a shot of the killed batch ended otherwise. A shot is given up after `RETRIES` kills of its own."""
    os.environ["PYTHONPATH"] = str(environments.ROOT / "engine")  # for the workers of the cluster
    listed = read_shots(arguments.shots)
    if any(shot.job for shot in listed):
        raise ScriptError("Jobs that are there already are made once only: give shots with a mesh and a video.")
    folder = folders.fresh(arguments.out)
    one, two = (seconds_of(listed, folder / name, workers) for name, workers in (("one", 1), ("two", 2)))
    killer = Killer(arguments.kills, two / (arguments.kills + 1), random.Random(arguments.seed))
    with killer:
        seconds_of(listed, folder / "killed", 2)
    figures = {
        "machine": machine("cpu"),
        "shots": len(listed),
        "one_worker_seconds": one,
        "two_workers_seconds": two,
        "speed_up": one / two,
        "killed_after_seconds": killer.instants,
        "changed": [shot.name for shot in listed if not same(folder / "one" / shot.name, folder / "killed" / shot.name)],
    }
    with protocol.replacing(folder / "batch.json", "w") as file:
        json.dump(figures, file, indent=1)
    say(json.dumps(figures, indent=1))
    return int(bool(figures["changed"]))


def seconds_of(listed: Sequence[Shot], out: Path, workers: int) -> float:
    """How long a cluster of so many workers takes for all shots, its start included. Raises ScriptError where one fails."""
    began = time.perf_counter()
    with OnRay(LOCAL, workers=workers) as cluster:
        for shot, error in cluster.run(functools.partial(make_shot, out=out.resolve()), listed):
            if error is not None:
                raise ScriptError(f"{shot.name}: {error}")
    return time.perf_counter() - began


def same(one: Path, other: Path) -> bool:
    """Whether two jobs have the same motions, to the last bit."""
    pairs = zip(protocol.read_result(one).objects, protocol.read_result(other).objects, strict=True)
    return all(np.array_equal(protocol.read_pc2(one / mine.motion), protocol.read_pc2(other / its.motion)) for mine, its in pairs)


class Killer:
    """Within it, workers of this process's cluster are killed.

    Args:
        count: how many at the most.
        mean: seconds from one to the next.

    Attributes:
        instants: seconds after which each was.
    """

    def __init__(self, count: int, mean: float, instants: random.Random) -> None:
        self.instants: list[float] = []
        self._waits = [instants.uniform(0, 2 * mean) for _ in range(count)]
        self._chance = instants
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        for wait in self._waits:
            if self._ended.wait(wait):
                return
            while not (workers := _workers()):
                if self._ended.wait(_LOOK):
                    return
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                self._chance.choice(workers).kill()
                self.instants.append(round(time.monotonic() - began, 2))


def _workers() -> list[psutil.Process]:
    """The processes below this one that make a shot."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.cmdline()[:1] and process.cmdline()[0].startswith(_TITLE):
                found.append(process)
    return found
