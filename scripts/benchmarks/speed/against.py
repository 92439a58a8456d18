"""Job folders through this checkout's engine and through another commit's, in turn, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import rich.console
import rich.table
from align4d_lab.evaluation.truth_file import read_truth

from align4d import protocol
from support import environments
from support.console import ScriptError, say

from . import resumed

Runs = list[dict[str, Any]]
"""Of one job through one engine: "seconds", "stages" and "motion_explained" of each run in the same process."""


@contextlib.contextmanager
def engine_of(revision: str) -> Iterator[Path]:
    """The engine's folder of a commit, checked out for as long as this lasts; or of another checkout, where `revision` is its folder.

    Raises ScriptError where there is no such commit, or no engine in it.
    """
    if Path(revision).is_dir():
        yield _engine_in(Path(revision).resolve(), revision)
        return
    with tempfile.TemporaryDirectory() as parent:
        checkout = Path(parent) / "checkout"
        _git("worktree", "add", "--detach", str(checkout), revision)
        try:
            yield _engine_in(checkout, revision)
        finally:
            _git("worktree", "remove", "--force", str(checkout))


def _engine_in(checkout: Path, revision: str) -> Path:
    engine = checkout / "engine"
    if not (engine / "align4d").is_dir():
        raise ScriptError(f"{revision} has no engine/align4d. Name a commit or a checkout that has one with --against.")
    return engine


def _git(*words: str) -> None:
    done = subprocess.run(["git", "-C", str(environments.ROOT), *words], capture_output=True, text=True)
    if done.returncode:
        raise ScriptError(f"{done.stderr.strip()}\nName a commit of this repository, or the folder of a checkout, with --against.")


def in_turn(
    sources: Sequence[Path], prepare: Callable[[Path, Path], None], out: Path, engines: dict[str, Path], runs: int
) -> tuple[dict[str, dict[str, Runs]], dict[str, str]]:
    """Each job so many times through each engine; one that an engine cannot finish holds up no other.

    Args:
        sources: prepared job folders, with a truth.npz where motion is to be judged.
        prepare: prepare(source, folder) makes the job that is run in `folder`.
        out: the jobs come to lie in OUT/JOB/PLACE/RUN, by the place of the engine in `engines`.
        engines: folder of each engine by its name in the figures.
        runs: how often in one process; the first compiles and loads.

    Returns:
        The runs by job and engine, and of each job that failed what was said.
    """
    found: dict[str, dict[str, Runs]] = {}
    failed: dict[str, str] = {}
    for source in sources:
        by_engine: dict[str, Runs] = {}
        try:
            for place, (name, engine) in enumerate(engines.items()):
                folders = [out / source.name / str(place) / str(run) for run in range(runs)]
                for folder in folders:
                    prepare(source, folder)
                _resume(engine, folders)
                by_engine[name] = figures = [figures_of(folder, source / "truth.npz") for folder in folders]
                say(f"{source.name}, {name}: {figures[-1]['seconds']:.1f} s; {json.dumps(figures[-1]['stages'])}")
        except ScriptError as error:
            failed[source.name] = str(error)
            say(f"{source.name} failed: {error}")
            continue
        found[source.name] = by_engine
    return found, failed


def _resume(engine: Path, jobs: Sequence[Path]) -> None:
    words = [sys.executable, resumed.__file__, *map(str, jobs)]
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": str(engine)}, capture_output=True, text=True)
    if done.returncode:
        raise ScriptError(f"{(done.stdout + done.stderr)[-2000:]}\nThe engine in {engine} could not finish one of {', '.join(words[2:])}.")


def figures_of(job: Path, truth: Path) -> dict[str, Any]:
    """Seconds of a job's run and of its stages, and how much of the motion it explains where there is a truth, else None."""
    result = json.loads((job / "output" / "result.json").read_text(encoding="utf-8"))
    motion = protocol.read_pc2(job / result["objects"][0]["motion"])
    explained = read_truth(truth).explained(motion) if truth.exists() else None
    seconds = json.loads((job / resumed.ELAPSED).read_text())
    return {"seconds": seconds, "stages": result["seconds"], "motion_explained": explained}


def show(found: dict[str, dict[str, Runs]], other: str, this: str, console: rich.console.Console) -> None:
    """Prints the last run of each job: the other engine's figure before this one's, and how many times faster this one is."""
    last = {name: (engines[other][-1], engines[this][-1]) for name, engines in found.items()}
    stages = list(dict.fromkeys(stage for pair in last.values() for run in pair for stage in run["stages"]))
    table = rich.table.Table("job", "s", "times faster", *stages, "motion explained", title=f"{other} / {this}")
    for name, (theirs, ours) in last.items():
        by_stage = [_pair(theirs["stages"].get(stage), ours["stages"].get(stage)) for stage in stages]
        explained = _pair(theirs["motion_explained"], ours["motion_explained"], 3)
        faster = f"{theirs['seconds'] / ours['seconds']:.2f}"
        table.add_row(name, _pair(theirs["seconds"], ours["seconds"]), faster, *by_stage, explained)
    console.print(table)


def _pair(theirs: float | None, ours: float | None, digits: int = 1) -> str:
    return " / ".join("–" if one is None else f"{one:.{digits}f}" for one in (theirs, ours))
