"""Damaged files: what every reader makes of them; crashes, hangs, memory, files outside and connections are counted."""

from __future__ import annotations

import argparse
import collections
import json
import shutil
import tempfile
import time
from pathlib import Path

from align4d.machine.description import machine
from align4d.protocol import replacing
from support.console import say

from .fuzzing.reading import NAMES, Reading, begin
from .fuzzing.trial import LARGEST, Outcome

LONGEST = 20.0
"""Seconds that reading one file may take."""

_START = 300.0
"""Seconds that a process gets to begin: it imports everything and reads the sound files."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=10_000, help="damaged files, over all readers")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json, and for the files that something went wrong with")
    parser.add_argument("--target", choices=NAMES, action="append", help="only this reader; may be given again")


def run(arguments: argparse.Namespace) -> int:
    """Writes OUT/figures.json and OUT/failures/; 1 where anything went wrong."""
    chosen = [name for name in NAMES if not arguments.target or name in arguments.target]
    arguments.out.mkdir(parents=True, exist_ok=True)
    figures = {}
    for index, name in enumerate(chosen):
        count = arguments.count // len(chosen) + (index < arguments.count % len(chosen))
        figures[name] = Tally(name, arguments.out / "failures").over(count)
        say(f"{name:12} {json.dumps(figures[name])}")
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

    def __init__(self, name: str, failures: Path) -> None:
        self.name = name
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
        reading = begin(self.name, first, count, place)
        number = first
        try:
            self._await_start(reading)
            while number < count:
                if not reading.answers.poll(LONGEST):
                    self._note("hangs", number, f"more than {LONGEST:.0f} s", reading)
                    return number + 1
                self._take(number, reading.answers.recv(), reading)
                number += 1
                reading.answers.send(None)
        except EOFError:  # the process has died, or left because its memory had grown too large
            if code := reading.exit_code():
                self._note("crashes", number, f"the process ended with {code}", reading)
                number += 1
        finally:
            reading.kill()
            reading.exit_code()
        return number

    def _await_start(self, reading: Reading) -> None:
        """Until it has read the sound files. Raises RuntimeError where it does not come to that: there is nothing to count then."""
        try:
            if reading.answers.poll(_START):
                reading.answers.recv()
                return
        except EOFError:
            pass
        raise RuntimeError(f"{self.name}: the sound files cannot be read")

    def _take(self, number: int, outcome: Outcome, reading: Reading) -> None:
        self.largest = max(self.largest, outcome.bytes)
        if outcome.steps:
            self._note("outside", number, f"{outcome.steps}", reading)
        if outcome.bytes > LARGEST:
            self._note("too_large", number, f"{outcome.bytes / 1e9:.1f} GB", reading)
        if outcome.kind == "crash":
            self._note("crashes", number, outcome.words, reading)
        else:
            self.counts[outcome.kind] += 1

    def _note(self, kind: str, number: int, words: str, reading: Reading) -> None:
        """Counts it and keeps the files."""
        self.counts[kind] += 1
        say(f"{self.name} {number}: {kind}: {words[:300]}")
        kept = self.failures / f"{self.name} {number}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(reading.trial, kept, ignore_dangling_symlinks=True)
        (kept / "what.txt").write_text(words, encoding="utf-8", errors="replace")
