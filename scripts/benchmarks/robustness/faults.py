"""Faults: a small job of every kind, stopped at every write, rename and fsync, and apart from that refused there by the system.

Each time the job goes on from what that left, and must end with the undisturbed result, byte for byte. The jobs are the tests' own
(tests/engine/fault_jobs.py): real pipelines with tiny settings, and generators that answer at once.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from align4d.machine.description import machine
from align4d.protocol import replacing
from support import environments, folders
from support.console import ScriptError, say

TESTS = environments.ROOT / "tests"
HEADINGS = ("work", "fault", "n", "states", "lost", "different", "unforeseen")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--every", type=int, default=1, help="one point of so many; 1: each of them")
    parser.add_argument("--only", action="append", help="name of a kind of work; may be repeated")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json, and for the jobs meanwhile")


def run(arguments: argparse.Namespace) -> int:
    """Writes OUT/figures.json and a table; 1 where anything was lost, came out different or was not said in words."""
    sys.path[:0] = [str(TESTS), str(TESTS / "engine")]
    library = importlib.import_module("faults")
    folder = folders.fresh(arguments.out)
    works = _works(folder)
    if unknown := set(arguments.only or ()) - {work.name for work in works}:
        raise ScriptError(f"There is no work {', '.join(sorted(unknown))}. Known: {', '.join(work.name for work in works)}.")
    rows: list[dict[str, Any]] = []
    for work in works:
        if arguments.only and work.name not in arguments.only:
            continue
        began = time.perf_counter()
        sweep = library.Sweep(work, folder / "sweep", arguments.every)
        rows.append(_row(work.name, "stopped", sweep.stopped()))
        rows += [_row(work.name, errno.errorcode[number], sweep.failing(number)) for number in library.ERRORS]
        shutil.rmtree(folder / "sweep")
        say(f"{work.name}: {len(sweep.points)} points, {time.perf_counter() - began:.0f} s")
        _write(folder, rows)
    shutil.rmtree(folder / "inputs")
    say(_table(rows))
    return int(any(row[name] for row in rows for name in ("lost", "different", "unforeseen")))


def _works(folder: Path) -> list[Any]:
    jobs = importlib.import_module("fault_jobs").Jobs(folder / "inputs")
    return [*jobs.all(), *importlib.import_module("fault_stores").all()]


def _row(work: str, fault: str, tally: Any) -> dict[str, Any]:
    return {
        "work": work,
        "fault": fault,
        "n": tally.points,
        "states": tally.states,
        "lost": tally.lost,
        "different": tally.different,
        "unforeseen": tally.unforeseen,
    }


def _write(folder: Path, rows: list[dict[str, Any]]) -> None:
    with replacing(folder / "figures.json", "w") as file:
        json.dump({"machine": machine("cpu"), "sweeps": rows}, file, indent=1)


def _table(rows: list[dict[str, Any]]) -> str:
    """Markdown; of lists their lengths."""
    lines = [HEADINGS, ("---",) * len(HEADINGS)]
    lines += [tuple(str(len(row[name]) if isinstance(row[name], list) else row[name]) for name in HEADINGS) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
