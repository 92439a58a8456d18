"""Measurements that go through a folder of cases one by one: some figures a case, and their table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import rich.console
import rich.table
from align4d_lab.tables.report import write_json

from align4d import protocol
from support import folders
from support.console import ScriptError, say

from .motion import find_cases

FINISHED = "folder with a finished job below each case's name, as bench.py motion leaves it"


def add_case_arguments(parser: argparse.ArgumentParser, out: str, jobs: str = FINISHED) -> None:
    """The cases that are measured, the jobs that belong to them, and where the figures go; `out` and `jobs` are the help of theirs."""
    parser.add_argument("--cases", type=Path, required=True, help="folder of cases: truth.npz each")
    parser.add_argument("--jobs", type=Path, required=True, help=jobs)
    parser.add_argument("--only", action="append", metavar="NAME", help="one case (can be repeated)")
    parser.add_argument("--out", type=Path, required=True, help=out)


def measure(arguments: argparse.Namespace, name: str, columns: Sequence[str], figures_of: Callable[[Path, Path], dict[str, float]]) -> int:
    """Measures the cases that the arguments name one after the other, and shows the figures.

    Args:
        name: of the file of figures in `arguments.out`.
        columns: the figures of the table.
        figures_of: those of a case's folder; the second folder is fresh, for what it leaves.

    Returns: 1 where a case raised ScriptError or UserError, else 0.
    """
    figures: dict[str, dict[str, float]] = {}
    failed = 0
    for case in find_cases(arguments.cases, arguments.only):
        try:
            figures[case.name] = figures_of(case, folders.fresh(arguments.out / case.name))
        except (ScriptError, protocol.UserError) as error:
            say(f"{case.name}: {error}")
            failed = 1
            continue
        say(f"{case.name}: " + ", ".join(f"{key} {value:.4f}" for key, value in figures[case.name].items()))
        write_json(arguments.out / f"{name}.json", figures)
    _show(figures, columns)
    return failed


def finished_job(folder: Path) -> Path:
    """The job below a folder that can be corrected. Raises ScriptError where there is none."""
    for result in [folder / "output" / "result.json", *sorted(folder.rglob("output/result.json"))]:
        base = result.parents[1]
        if protocol.can_be_corrected(base) and protocol.BASE not in base.as_posix():
            return base
    raise ScriptError(f"{folder} holds no finished job that can be corrected.")


def _show(figures: dict[str, dict[str, float]], columns: Sequence[str]) -> None:
    """Prints the table, and the means."""
    table = rich.table.Table("case", *(name.replace("_", " ") for name in columns))
    rows = [*figures.items()]
    if rows:
        rows.append(("mean", {name: float(np.mean([values[name] for values in figures.values()])) for name in columns}))
    for case, values in rows:
        table.add_row(case, *(f"{values[name]:.3f}" for name in columns))
    rich.console.Console(width=150).print(table)
