"""The engine's door for a terminal: `align4d generate`, `align4d resume`, `align4d doctor`, without Blender."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib
import importlib.util
import io
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType

from rich.console import Console
from rich.markup import escape

from .. import __version__, protocol
from ..cameras.orbit import Orbit
from ..errors import Cancelled, EngineError, as_engine_error
from ..job.lock import sole_engine
from ..job.reporting import Reporter, TerminalReporter, job_log
from ..machine.warm_up import wait_passively
from . import settings
from .arguments import add_inputs, add_job, add_models

Run = Callable[[Path, Reporter], protocol.Result]
INTERRUPTED = 130
"""What shells expect of a program that Ctrl+C ended."""

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None, run: Run | None = None) -> int:
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
    laboratory = _laboratory()
    if laboratory and options.command in laboratory.NAMES:
        return int(laboratory.run(options, console))
    folder: Path = options.out if options.command == "generate" else options.folder
    try:
        if options.command == "generate":
            _make_job(options)
        else:
            protocol.read_request(folder)
        run = run or functools.partial(_pipeline, online=options.online)
        result = _work(folder, run, Console(soft_wrap=True, quiet=options.quiet))
        if options.rigged:
            _write_rigged(folder)
    except Cancelled:
        console.print(f"Stopped. Go on with: align4d resume {escape(str(folder))}")
        return INTERRUPTED
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
    add_inputs(generate)
    generate.add_argument("--out", type=Path, required=True, help="job folder; the result lies in its output/")
    add_job(generate)
    resume = commands.add_parser("resume", help="go on with a job that was stopped")
    resume.add_argument("folder", type=Path)
    for command in (generate, resume):
        command.add_argument("--online", action="store_true", help="let the job fetch the prior that it names from the Hugging Face hub")
        command.add_argument("--rigged", action="store_true", help="write the mesh with bones and their animation, too, as output/rigged.glb")
    doctor = commands.add_parser("doctor", help="say what works here, and what to do about what does not")
    doctor.add_argument("--folder", type=Path, default=Path.cwd(), help="where jobs would be written")
    doctor.add_argument("--json", action="store_true", help="the findings as one line of JSON")
    settings.add_arguments(commands.add_parser("settings", help="list every setting that --set takes"))
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

    if not options.json:
        return 0 if doctor.report(console, options.folder) else 1
    findings = doctor.examine(options.folder)
    print(json.dumps([dataclasses.asdict(one) for one in findings]))
    return 0 if doctor.healthy(findings) else 1


def _make_job(options: argparse.Namespace) -> None:
    from ..job.make import make_job  # imports trimesh and scipy: not for --help
    from ..pipeline.request_check import check_request

    orbit = Orbit(options.azimuth, options.elevation, options.distance, fovy=options.fovy)
    make_job(
        options.mesh,
        options.video,
        options.out,
        orbit,
        (options.first - 1, options.last - 1, options.fps),
        check_request,
        preset=options.preset,
        settings=dict(options.set),
        seed=options.seed,
        device=options.device,
        backend=options.backend,
        gaussians=options.gaussians,
        prompt=options.prompt,
        image=str(options.image.resolve()) if options.image else "",
    )


def _work(folder: Path, run: Run, console: Console) -> protocol.Result:
    """Runs the pipeline with a bar; the first Ctrl+C cancels (and checkpoints), the second one ends at once."""
    cancelled = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(number, before)
        cancelled.set()

    before = signal.signal(signal.SIGINT, interrupt)
    root = logging.getLogger()
    root.setLevel(min(root.level or logging.INFO, logging.INFO))
    try:
        with job_log(folder), TerminalReporter(console, cancelled) as reporter:
            try:
                with sole_engine(folder, reporter.check_cancelled):
                    return run(folder, reporter)
            except (Cancelled, EngineError):
                raise
            except Exception:
                log.exception("failed")  # the log has the traceback, the terminal a sentence
                raise
    finally:
        signal.signal(signal.SIGINT, before)


def _pipeline(folder: Path, report: Reporter, online: bool) -> protocol.Result:
    from ..pipeline import artist  # imports torch: not for --help

    return artist.run(folder, report, online)


def _write_rigged(folder: Path) -> None:
    from ..bake.rigged_gltf import write_rigged  # imports the engine: not for --help

    write_rigged(folder)


def _summary(console: Console, folder: Path, result: protocol.Result) -> None:
    """What lies where; the result's notes were shown when they arose."""
    for item in result.objects:
        motion = escape(str(folder / item.motion))
        console.print(f"{escape(item.name)}: {result.frames} frames of {item.vertex_count} vertices in {motion}")
        if item.gaussians:
            console.print(f"{escape(item.name)}: its Gaussians in {escape(str(folder / item.gaussians))}")
    camera = result.camera
    console.print(f"camera: azimuth {camera.azimuth:.1f}, elevation {camera.elevation:.1f}, distance {camera.distance:.3f}, fovy {camera.fovy:.1f}")
