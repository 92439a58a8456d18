"""Damaged files: what every reader makes of them; crashes, hangs, memory, files outside and connections are counted."""

from __future__ import annotations

import argparse
import collections
import json
import logging
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from align4d.machine.description import machine
from align4d.protocol import replacing
from align4d.rendering.cache import kernel_folder
from support import environments
from support.console import say

from .fuzzing.targets import TARGETS, Target
from .fuzzing.trial import LARGEST, Outcome, Watch, attempt, make_sound

LONGEST = 20.0
"""Seconds that reading one file may take."""

_START = 300.0
"""Seconds that a process gets to begin: it imports everything and reads the sound files."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=10_000, help="damaged files, over all readers")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json, and for the files that something went wrong with")
    parser.add_argument("--target", choices=[target.name for target in TARGETS], action="append", help="only this reader; may be given again")


def run(arguments: argparse.Namespace) -> int:
    """Writes OUT/figures.json and OUT/failures/; 1 where anything went wrong."""
    chosen = [target for target in TARGETS if not arguments.target or target.name in arguments.target]
    arguments.out.mkdir(parents=True, exist_ok=True)
    figures = {}
    for index, target in enumerate(chosen):
        count = arguments.count // len(chosen) + (index < arguments.count % len(chosen))
        figures[target.name] = Tally(target, arguments.out / "failures").over(count)
        say(f"{target.name:12} {json.dumps(figures[target.name])}")
    total = {name: sum(one[name] for one in figures.values()) for name in next(iter(figures.values()))}
    total["largest_mb"] = max(one["largest_mb"] for one in figures.values())
    with replacing(arguments.out / "figures.json", "w") as file:
        json.dump({"machine": machine("cpu"), "total": total, "readers": figures}, file, indent=1)
    say(f"{'all':12} {json.dumps(total)}")
    return int(any(total[name] for name in ("crashes", "hangs", "too_large", "outside")))


class Tally:
    """Counts what comes of one reader's files, which are read in a process of its own; another one is begun where it dies or hangs.

    Args:
        failures: folder for the files that something went wrong with.
    """

    def __init__(self, target: Target, failures: Path) -> None:
        self.target = target
        self.failures = failures
        self.counts = collections.Counter[str]()
        self.largest = 0

    def over(self, count: int) -> dict[str, float]:
        """The counts over the files 0 to `count`."""
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="align4d-fuzz-") as place:
            number = 0
            while number < count:
                number = self._as_far_as_it_goes(number, count, Path(place))
        names = ("read", "refused", "crashes", "hangs", "too_large", "outside")
        found = {"files": count, **{name: self.counts[name] for name in names}}
        return {**found, "largest_mb": round(self.largest / 1e6), "seconds": round(time.monotonic() - began, 1)}

    def _as_far_as_it_goes(self, first: int, count: int, place: Path) -> int:
        """Lets a process read from file `first` on; the number of the next file when it has ended."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_read_all, args=(TARGETS.index(self.target), first, count, place, theirs), daemon=True)
        process.start()
        theirs.close()
        number = first
        try:
            if not ours.poll(_START):
                raise RuntimeError(f"{self.target.name}: the sound files could not be read in {_START:.0f} s")
            ours.recv()
            while number < count:
                if not ours.poll(LONGEST):
                    self._note("hangs", number, f"more than {LONGEST:.0f} s", place)
                    return number + 1
                self._take(number, ours.recv(), place)
                number += 1
                ours.send(None)
        except EOFError:  # the process has died, or left because its memory had grown too large
            process.join()
            if process.exitcode:
                self._note("crashes", number, f"the process ended with {process.exitcode}", place)
                number += 1
        finally:
            process.kill()
            process.join()
        return number

    def _take(self, number: int, outcome: Outcome, place: Path) -> None:
        self.largest = max(self.largest, outcome.bytes)
        if outcome.steps:
            self._note("outside", number, f"{outcome.steps}", place)
        if outcome.bytes > LARGEST:
            self._note("too_large", number, f"{outcome.bytes / 1e9:.1f} GB", place)
        if outcome.kind == "crash":
            self._note("crashes", number, outcome.words, place)
        else:
            self.counts[outcome.kind] += 1

    def _note(self, kind: str, number: int, words: str, place: Path) -> None:
        """Counts it and keeps the files."""
        self.counts[kind] += 1
        say(f"{self.target.name} {number}: {kind}: {words[:300]}")
        kept = self.failures / f"{self.target.name} {number}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(place / "trial", kept, ignore_dangling_symlinks=True)
        (kept / "what.txt").write_text(words, encoding="utf-8", errors="replace")


def _read_all(index: int, first: int, count: int, place: Path, answers: Connection) -> None:
    """In a process of its own: reads file after file; each answer is waited for, so that the parent can keep the file."""
    logging.disable(logging.CRITICAL)
    os.chdir(place)
    for name in ("HF_HUB_CACHE", "ALIGN4D_MODELS"):  # where models are looked for, too: this user's own are not the files' doing
        os.environ[name] = str(place / name)
    target = TARGETS[index]
    watch = Watch((Path(sys.prefix), Path(sys.base_prefix), environments.ROOT, kernel_folder(), place, *map(Path, ("/proc", "/sys", "/usr"))))
    sound = place / "sound"
    shutil.rmtree(sound, ignore_errors=True)
    sound.mkdir()
    names = make_sound(target, sound)
    for _ in names:  # what is imported and compiled at first use is not the damaged files' doing
        attempt(target, sound, names, None, place / "trial", watch)
    answers.send(None)
    for number in range(first, count):
        outcome = attempt(target, sound, names, number, place / "trial", watch)
        answers.send(outcome)
        answers.recv()
        if outcome.bytes > LARGEST:
            return  # in a fresh one the next file's memory can be told
