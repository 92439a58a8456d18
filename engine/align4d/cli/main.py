"""The engine's door for a terminal: `align4d generate`, `align4d resume`, `align4d doctor`, without Blender."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import importlib.util
import io
import json
import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType, ModuleType

from rich.console import Console
from rich.markup import escape

from .. import __version__, protocol
from ..errors import Cancelled, as_engine_error
from ..job.reporting import TerminalReporter
from ..machine.warm_up import wait_passively, warm_up
from . import batch, hand, job, settings
from .arguments import add_check, add_inputs, add_job, add_match, add_models, add_run

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None, run: job.Run | None = None) -> int:
    """Runs one command; 0 where it succeeded. `run` stands in for the pipeline in tests."""
    options = _parser().parse_args(arguments)
    wait_passively()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name that is no UTF-8 must not end a job
    console = Console(soft_wrap=True)
    if options.verbose:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    if options.command == "doctor":
        return _doctor(console, options)
    if options.command == "settings":
        return settings.run(options, console)
    if options.command in ("plan", "models"):
        from . import models  # imports torch: not for --help

        return models.run(options, console)
    if options.command == "check":
        from . import check  # imports what reads movies: not for --help

        return check.run(options, console)
    if options.command == "match":
        from . import match

        return match.run(options)
    if options.command == "batch":
        return batch.run(options, console, run)
    laboratory = _laboratory()
    if laboratory and options.command in laboratory.NAMES:
        return int(laboratory.run(options, console))
    folder: Path = options.folder if options.command == "resume" else options.out
    try:
        result = None
        if options.command == "generate":
            job.make(options, folder)
        elif options.command == "hand":
            result = hand.make_job(options)
        else:
            protocol.read_request(folder)
        result = result or _work(folder, options, run)
    except Cancelled:
        console.print(f"Stopped. Go on with: align4d resume {escape(str(folder))}")
        return job.INTERRUPTED
    except Exception as error:
        failure = as_engine_error(error)
        log.debug("failed", exc_info=error)
        console.print(f"[red]{escape(failure.message)}[/red] {escape(failure.advice)}")
        return 1
    if not options.quiet:
        _summary(console, folder, result)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="align4d", description="Animates a mesh from a reference video; makes what is missing of the two.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="say what the log says")
    loudness.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    commands = parser.add_subparsers(dest="command", required=True)
    words = "make motion from a video, an image or a text, of a mesh or without one"
    generate = commands.add_parser("generate", help=words, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    generate.add_argument("--out", type=Path, required=True, help="job folder; the result lies in its output/")
    add_inputs(generate)
    add_job(generate)
    add_run(generate)
    resume = commands.add_parser("resume", help="go on with a job that was stopped")
    resume.add_argument("folder", type=Path)
    add_run(resume)
    batch.add_arguments(commands.add_parser("batch", help="generate many: the shots of a .toml or .csv, or the movies of a folder"))
    words = "correct a finished motion: solve it anew around poses that you know, let limbs bend the other way"
    correct = commands.add_parser("hand", help=words)
    hand.add_arguments(correct)
    add_run(correct)
    doctor = commands.add_parser("doctor", help="say what works here, and what to do about what does not")
    doctor.add_argument("--folder", type=Path, default=Path.cwd(), help="where jobs would be written")
    doctor.add_argument("--json", action="store_true", help="the findings as one line of JSON")
    settings.add_arguments(commands.add_parser("settings", help="list every setting that --set takes"))
    add_check(commands.add_parser("check", help="say what is good and bad about a clip, and run nothing"))
    add_match(commands.add_parser("match", help="say how well a mesh agrees with a clip's first frame, for other programs"))
    plan = commands.add_parser("plan", help="say what a job would take, and run nothing")
    add_inputs(plan)
    plan.add_argument("--json", action="store_true", help="for other programs")
    if laboratory := _laboratory():
        laboratory.add_parsers(commands)
    add_models(commands.add_parser("models", help="the models that make videos and assets: list, fetch, use, accept, remove"))
    return parser


def _laboratory() -> ModuleType | None:
    """The commands of align4d_lab, where that package lies beside this one; an artist's zip is without it."""
    if importlib.util.find_spec("align4d_lab") is None:
        return None
    return importlib.import_module("align4d_lab.commands")


def _doctor(console: Console, options: argparse.Namespace) -> int:
    from ..machine import doctor
    from ..pipeline.rehearsal import rehearse_once

    warm_up(rehearse_once)  # the installer ends here, and so the first job need not wait for it
    if not options.json:
        return 0 if doctor.report(console, options.folder) else 1
    findings = doctor.examine(options.folder)
    print(json.dumps([dataclasses.asdict(one) for one in findings]))
    return 0 if doctor.healthy(findings) else 1


def _work(folder: Path, options: argparse.Namespace, run: job.Run | None) -> protocol.Result:
    """Runs the pipeline with a bar; the first Ctrl+C cancels (and checkpoints), the second one ends at once."""
    cancelled = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(number, before)
        cancelled.set()

    before = signal.signal(signal.SIGINT, interrupt)
    root = logging.getLogger()
    root.setLevel(min(root.level or logging.INFO, logging.INFO))
    try:
        with TerminalReporter(Console(soft_wrap=True, quiet=options.quiet), cancelled) as reporter:
            return job.work(folder, options, reporter, run)
    finally:
        signal.signal(signal.SIGINT, before)


def _summary(console: Console, folder: Path, result: protocol.Result) -> None:
    """What lies where; the result's notes were shown when they arose."""
    for item in result.objects:
        motion = escape(str(folder / item.motion))
        console.print(f"{escape(item.name)}: {result.frames} frames of {item.vertex_count} vertices in {motion}")
        if item.gaussians:
            console.print(f"{escape(item.name)}: its Gaussians in {escape(str(folder / item.gaussians))}")
    camera = result.camera
    console.print(f"camera: azimuth {camera.azimuth:.1f}, elevation {camera.elevation:.1f}, distance {camera.distance:.3f}, fovy {camera.fovy:.1f}")
