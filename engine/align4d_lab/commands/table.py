"""`align4d table`: methods x cases x seeds, and the paper's tables of them (docs/reference/evaluation.md)."""

from __future__ import annotations

import argparse
import json
import threading
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from align4d.errors import EngineError
from align4d.job.reporting import TerminalReporter

from ..tables.variants import VARIANTS, Variant, chosen, combinations, plan

NAME = "table"


def add_parser(commands: Any) -> None:
    """Adds it to the subcommands."""
    names = ", ".join(variant.name for variant in VARIANTS)
    parser = commands.add_parser(NAME, help="run methods on cases with several seeds, and write the tables")
    parser.add_argument("cases", type=Path, help="folder of cases: a folder each, with a mesh, a video, image.png or prompt.txt")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables, plots and the runs; what is finished there is kept")
    parser.add_argument("--only", action="append", metavar="NAME", help="one case (can be repeated)")
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help=f"some of: {names}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED")
    parser.add_argument("--iterations", type=int, help="of the paper's optimization, the same for each of its variants; else the preset's")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting of every method (can be repeated)")
    parser.add_argument("--video-models", nargs="+", default=[], metavar="ID", help="with --asset-models: every combination, by the first method")
    parser.add_argument("--asset-models", nargs="+", default=[], metavar="ID", help="image-to-3D models, see align4d models list")
    parser.add_argument("--models", type=Path, help="folder of the metrics' models")
    parser.add_argument("--surround", type=int, default=0, help="pictures of VBench's turn around each result; 0: none")
    parser.add_argument("--size", type=int, default=512, help="of pictures, where a reference does not decide [px]")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--ray", metavar="ADDRESS", help="run on a Ray cluster: its address, auto, or local for one on this machine")


def run(options: argparse.Namespace, console: Console) -> int:
    """Runs what is not finished; 1 where a run failed. Raises EngineError."""
    from align4d.batch.executor import executor
    from align4d.machine.device import choose_device  # imports torch: not for --help

    from ..tables.build import build_table
    from ..tables.case_files import find_cases
    from ..tables.run import Run

    variants, device = _variants(options), choose_device(options.device)
    cases = [case.resolve() for case in find_cases(options.cases, options.only)]
    trials = plan(variants, cases, sorted(set(options.seeds)), device, options.iterations, _settings(options.set))
    out = options.out.resolve()
    runs = [Run(trial, out, options.models, options.surround, options.size) for trial in trials]
    with executor(options.ray, float(device == "cuda")) as place, TerminalReporter(console, threading.Event()) as report:
        failures = build_table(runs, variants, out, place, report)
    console.print(escape((out / "table.md").read_text(encoding="utf-8")))
    return int(bool(failures))


def _variants(options: argparse.Namespace) -> tuple[Variant, ...]:
    variants = chosen(options.methods)
    if bool(options.video_models) != bool(options.asset_models):
        raise EngineError("table_models", "Combinations need models of both kinds.", "Give --video-models and --asset-models, or neither.")
    return combinations(variants[0], options.video_models, options.asset_models) if options.video_models else variants


def _settings(pairs: list[str]) -> dict[str, Any]:
    """KEY=VALUE; a value is JSON where it parses as such, else text."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise EngineError("table_setting", f"{pair!r} is no setting.", "Write it as KEY=VALUE.")
        try:
            settings[key] = json.loads(value)
        except ValueError:
            settings[key] = value
    return settings
