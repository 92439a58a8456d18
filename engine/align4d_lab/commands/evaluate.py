"""`align4d evaluate`: a result judged by one command (docs/reference/evaluation.md)."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from align4d.cameras.orbit import Orbit
from align4d.errors import EngineError
from align4d.job.reporting import TerminalReporter

from ..evaluation.options import EvaluationOptions

NAME = "evaluate"


def add_parser(commands: Any) -> None:
    """Adds it to the subcommands."""
    parser = commands.add_parser(
        NAME, help="judge a result against a video, reference views or the truth", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("result", type=Path, help="job folder, animated .glb, .pc2 (with --mesh), folder of .ply or .glb files, or of pictures")
    parser.add_argument("--mesh", type=Path, help="mesh of a .pc2")
    parser.add_argument("--reference", type=Path, help="video or folder of images, from the input's view; a job knows its own")
    parser.add_argument("--views", type=Path, help="reference views: eval_0/0.png, ... as Consistent4D publishes them")
    parser.add_argument("--truth", type=Path, help="true motion: truth.npz of a case, or ActionBench's surfaces.npy")
    parser.add_argument("--models", type=Path, help="folder of the metrics' models (docs/reference/evaluation.md); what is not there is not measured")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json, table.md and sheet.png")
    for name, unit in (("azimuth", "degrees"), ("elevation", "degrees"), ("distance", "longest sides"), ("fovy", "degrees")):
        parser.add_argument(f"--{name}", type=float, default=getattr(Orbit, name), help=f"of the video's camera, where no job says it [{unit}]")
    parser.add_argument("--size", type=int, default=EvaluationOptions.size, help="of pictures, where the reference does not decide [px]")
    parser.add_argument(
        "--surround", type=int, default=EvaluationOptions.surround, help="pictures of the turn around the result, for VBench; 0: none"
    )
    parser.add_argument("--batch", type=int, default=EvaluationOptions.batch, help="frames in memory at once")
    parser.add_argument("--fps", type=float, default=EvaluationOptions.fps, help="of a result that does not say")
    parser.add_argument("--device", default=EvaluationOptions.device, help="auto, cpu or cuda")
    parser.add_argument("--seed", type=int, default=EvaluationOptions.seed)


def run(options: argparse.Namespace, console: Console) -> int:
    """Evaluates, writes the report and prints the table. Raises EngineError."""
    chosen = {name: getattr(options, name) for name in EvaluationOptions.__dataclass_fields__ if name != "orbit"}
    order = EvaluationOptions(**chosen, orbit=Orbit(options.azimuth, options.elevation, options.distance, fovy=options.fovy))
    if min(order.batch, order.size - 15) < 1 or order.surround < 0 or order.surround == 1:
        raise EngineError("evaluate_options", "--batch, --size or --surround is too small.", "Use 1, 16 and 2 or more (--surround 0 for none).")
    from ..evaluation.evaluate import evaluate  # imports torch: not for --help
    from ..evaluation.report import table, write_report

    with TerminalReporter(console, threading.Event()) as report:
        measured, about = evaluate(order, report)
    write_report(options.out, measured, about)
    console.print(escape(table(measured, about)))
    console.print(f"All of it: {escape(str(options.out))}")
    return 0
