"""Ablations: the methods, and the paper's without one of its modules each, on every case with several seeds."""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from align4d.errors import EngineError
from align4d.tables.markdown import Record
from align4d.tables.report import write_json, write_tables
from align4d.tables.variants import VARIANTS, Trial, chosen, plan
from support.console import ScriptError, say

from . import ablations_run
from .ablations_pictures import write_sheets
from .at_once import at_once
from .jobs import pipeline_device
from .motion import find_cases, overrides

SEEDS = (0, 1, 2)

Measure = Callable[[Trial], Record]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(variant.name for variant in VARIANTS)
    parser.add_argument("--cases", type=Path, required=True, help="folder of cases: asset.blend, reference.mp4 and truth.npz each")
    parser.add_argument("--only", action="append", metavar="NAME", help="one case (can be repeated)")
    parser.add_argument("--variants", nargs="+", metavar="VARIANT", help=f"some of: {names}")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), metavar="SEED")
    parser.add_argument("--iterations", type=int, help="of the paper's optimisation, the same for each of its variants; else the preset's")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting of every variant (can be repeated)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--workers", type=int, default=1, help="runs at once; on cuda each has a GPU, in turn, and its share of the cores")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables, figures, pictures and the runs; what is finished there is kept")


def run(arguments: argparse.Namespace) -> int:
    """Runs what is not finished yet; 1 where a run failed."""
    cases = find_cases(arguments.cases, arguments.only)
    try:
        variants = chosen(arguments.variants)
    except EngineError as error:
        raise ScriptError(str(error)) from error
    device = pipeline_device(arguments.device)
    trials = plan(variants, cases, sorted(set(arguments.seeds)), device, arguments.iterations, overrides(arguments.set))
    ablations_run.capture_cases(cases, arguments.out, arguments.blender)
    measure = functools.partial(ablations_run.measure, out=arguments.out, pictured=min(arguments.seeds))
    failures = complete(trials, arguments.out, measure, arguments.workers)
    write_sheets(trials, arguments.out)
    say("\n" + (arguments.out / "table.md").read_text(encoding="utf-8"))
    return int(bool(failures))


def complete(trials: Sequence[Trial], out: Path, measure: Measure, workers: int = 1) -> dict[str, str]:
    """Measures the trials that are not finished, and writes the report after each; returns what failed, with its sentence.

    A failed trial is tried again the next time. Raises ScriptError, before anything runs, where a finished one had other settings.

    Args:
        workers: trials at once.
    """
    stored = {trial.folder(out): found for trial in trials if (found := finished(trial, out)) is not None}
    failures: dict[str, str] = {}
    left = [trial for trial in trials if trial.folder(out) not in stored]
    for trial, done in at_once(measure, left, workers):
        folder = trial.folder(out)
        try:
            stored[folder] = done.result()
        except ScriptError as error:
            failures[str(folder.relative_to(out))] = str(error)
            say(f"{folder.relative_to(out)} failed: {error}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "figures.json", stored[folder])
        say(f"{folder.relative_to(out)}: {len(stored)} of {len(trials)}")
        report(trials, list(stored.values()), failures, out)
    report(trials, list(stored.values()), failures, out)
    return failures


def finished(trial: Trial, out: Path) -> Record | None:
    """What was measured of a trial before; None where it is not finished. Raises ScriptError where its settings were others."""
    path = trial.folder(out) / "figures.json"
    if not path.exists():
        return None
    found: Record = json.loads(path.read_text(encoding="utf-8"))
    ablations_run.check_order(path.parent, found["order"], trial.order())
    return found


def report(trials: Sequence[Trial], records: list[Record], failures: dict[str, str], out: Path) -> None:
    """table.md, losses.png, ... and figures.json of what is there so far."""
    variants = [variant for variant in VARIANTS if any(trial.variant == variant for trial in trials)]
    write_tables(out, trials, records, variants, failures)
