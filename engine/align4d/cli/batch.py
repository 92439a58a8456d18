"""`align4d batch`: many shots, one after the other here, or as many at once as a Ray cluster has room for."""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..errors import Cancelled, EngineError, as_engine_error, writing
from ..protocol import BATCH_LOCK, hold, write_json
from . import job
from .arguments import add_inputs, add_job, add_run

if TYPE_CHECKING:
    from ..batch.report import Outcome
    from ..batch.shots import Shot

WORDS = "shot.json"
"""What a shot's folder was made of."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of the command."""
    parser.add_argument("shots", type=Path, help="a .toml with a [[shot]] each, a .csv with the options' names as its first line, or a folder")
    parser.add_argument("--out", type=Path, required=True, help="a folder for each shot is made in it, batch.csv and batch.png beside them")
    parser.add_argument("--ray", metavar="ADDRESS", help='spread the shots over a Ray cluster: "auto", an address, or "local" for this machine')
    parser.add_argument("--gpus", type=float, default=0.0, help="GPUs that Ray sets aside for each shot")


def run(options: argparse.Namespace, console: Console, pipeline: job.Run | None = None) -> int:
    """Makes what is not made yet; 0 where every shot has its result. `pipeline` stands in for it in tests."""
    from ..batch import report, shots  # they import more than --help should wait for

    listed: tuple[Shot, ...] = ()
    try:
        listed = shots.read_shots(options.shots)
        for shot in listed:
            _options_of(shot)  # a wrong line ends the batch before hours of others
        outcomes = _make_all(listed, options, console, pipeline)
        report.write_table(options.out, outcomes)
        report.write_sheet(options.out, [shot.name for shot in listed])
    except (KeyboardInterrupt, Cancelled):
        console.print("Stopped. The same command goes on with what is not done yet.")
        return job.INTERRUPTED
    except Exception as error:
        failure = as_engine_error(error)
        if failure.code != "batch_busy":
            _tell_jobs(listed, failure)
        console.print(f"[red]{escape(failure.message)}[/red] {escape(failure.advice)}")
        return 1
    if not options.quiet:
        console.print(_table(outcomes))
    return 0 if all(one.state == "done" for one in outcomes) else 1


def _make_all(listed: Sequence[Shot], options: argparse.Namespace, console: Console, pipeline: job.Run | None) -> list[Outcome]:
    """What came of each shot, in their order. Raises EngineError, also "batch_busy" where another process makes them."""
    from ..batch import executor

    outcomes: dict[str, Outcome] = {}
    with writing():
        options.out.mkdir(parents=True, exist_ok=True)
        lock = hold(options.out / BATCH_LOCK)
    if lock is None:
        raise EngineError("batch_busy", f"Another process is making the shots in {options.out}.", "Wait until it has ended.")
    with lock, executor.executor(options.ray, options.gpus) as place:
        for shot, error in place.run(functools.partial(make_shot, out=options.out.resolve(), pipeline=pipeline), listed):
            outcomes[shot.name] = _outcome(shot, options.out, error)
            _tell(console, outcomes[shot.name], len(outcomes), len(listed))
    return [outcomes[shot.name] for shot in listed]


def make_shot(shot: Shot, out: Path, pipeline: job.Run | None = None) -> None:
    """Makes a shot, or what is left of it; nothing where it is done.

    Raises:
        EngineError: what the user can act on; "shot_changed" where its folder was made of other words, "cancelled" where somebody has
            cancelled a job that was made before.
    """
    from ..batch.report import is_done, keep_look
    from ..job.event_file import telling
    from ..job.reporting import RecordingReporter

    folder, options = shot.folder(out), _options_of(shot)
    if shot.job:
        with telling(folder.name, folder) as reporter:
            if not is_done(folder):
                job.work(folder, options, reporter, pipeline)
                keep_look(out, shot.name, folder)
        return
    if not (folder / "request.json").exists():
        with writing():
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / WORDS, shot)
        job.make(options, folder)
    elif _made_of(folder) != list(shot.words):
        raise EngineError("shot_changed", f"{folder} was made of other options.", "Give the shot another name, or delete its folder.")
    if not is_done(folder):
        job.work(folder, options, RecordingReporter(shot.name), pipeline)
        keep_look(out, shot.name, folder)


def _tell_jobs(listed: Sequence[Shot], failure: EngineError) -> None:
    """What has ended the whole batch has ended the jobs of it that are not done; whoever made them looks in their folders."""
    from ..batch.report import is_done
    from ..job.event_file import tell_failure

    for folder in (Path(shot.job) for shot in listed if shot.job):
        if not is_done(folder):
            tell_failure(folder.name, folder, failure)


def _made_of(folder: Path) -> list[str] | None:
    """The words of the shot that a folder was made for; None where it says nothing of them."""
    try:
        words = json.loads((folder / WORDS).read_bytes())["words"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return words if isinstance(words, list) else None


class _Parser(argparse.ArgumentParser):
    """Says what is wrong as an error, and ends no program."""

    def error(self, message: str) -> NoReturn:
        raise EngineError("shots", f"A shot cannot be made: {message}.", "`align4d generate --help` lists what a shot takes.")


def _options_of(shot: Shot) -> argparse.Namespace:
    parser = _Parser(prog=shot.name, add_help=False, allow_abbrev=False)
    for add in (add_inputs, add_job, add_run):
        add(parser)
    try:
        return parser.parse_args(list(shot.words))
    except EngineError as error:
        raise EngineError(error.code, f"{shot.name}: {error.message}", error.advice) from error


def _outcome(shot: Shot, out: Path, error: Exception | None) -> Outcome:
    from ..batch import report
    from ..job.event_file import tell_failure

    folder = shot.folder(out)
    if error is None:
        return report.outcome(shot.name, folder)
    failure = as_engine_error(error)
    if shot.job and failure.code == "worker_lost":  # it could not tell itself
        tell_failure(folder.name, folder, failure)
    return report.Outcome(shot.name, failure.code, words=f"{failure.message} {failure.advice}")


def _tell(console: Console, one: Outcome, number: int, count: int) -> None:
    said = f"{one.frames} frames" if one.state == "done" else f"[red]{escape(one.words)}[/red]"
    console.print(f"{number} of {count}  {escape(one.name)}: {said}")


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table("shot", "state", "frames", "seconds", "overlap", "notes")
    for one in outcomes:
        table.add_row(*(escape(str(value)) for value in (one.name, one.state, one.frames, one.seconds, one.overlap, one.words)))
    return table
