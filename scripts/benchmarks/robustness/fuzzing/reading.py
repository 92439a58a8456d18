"""Processes that read damaged files one after the other, and answer with what came of each."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from align4d.kernels.folder import kernel_folder
from support import blender, environments, extension

from .targets import TARGETS
from .trial import LARGEST, Watch, attempt, make_sound

RECORDS = "records"
"""The reader that Blender runs: jobs that an earlier session left beside a .blend, see scripts/in_blender/fuzz_records.py."""
NAMES = (*(target.name for target in TARGETS), RECORDS)


@dataclass(frozen=True)
class Reading:
    """A process at work.

    Attributes:
        answers: first None, then an Outcome for each file, each of which is to be answered.
        kill: ends it.
        exit_code: waits for its end.
        trial: the folder that the file at hand lies in.
    """

    answers: Connection
    kill: Callable[[], None]
    exit_code: Callable[[], int | None]
    trial: Path


def begin(name: str, first: int, count: int, place: Path) -> Reading:
    """Lets a process of its own read the damaged files `first` to `count` of a reader; `place`: a folder for it."""
    ours, theirs = multiprocessing.Pipe()
    with theirs:
        if name == RECORDS:
            return _in_blender(ours, theirs, first, count, place)
        process = multiprocessing.get_context("spawn").Process(target=_read_all, args=(NAMES.index(name), first, count, place, theirs), daemon=True)
        process.start()

    def exit_code() -> int | None:
        process.join()
        return process.exitcode

    return Reading(ours, process.kill, exit_code, place / "trial")


def _in_blender(ours: Connection, theirs: Connection, first: int, count: int, place: Path) -> Reading:
    program = blender.from_pypi()
    surroundings = program.surroundings(extension.installed(program, Path(sys.executable)), {"PYTHONPATH": ""})
    command = program.command(blender.SCRIPTS_IN_BLENDER / "fuzz_records.py", [str(theirs.fileno()), str(first), str(count), place])
    process = subprocess.Popen(command, env=surroundings, pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Reading(ours, process.kill, process.wait, place / "align4d" / "trial")


def _read_all(index: int, first: int, count: int, place: Path, answers: Connection) -> None:
    """In a process of its own: reads file after file; each answer is waited for, so that the parent can keep the file."""
    logging.disable(logging.CRITICAL)
    os.chdir(place)
    for name in ("HF_HUB_CACHE", "ALIGN4D_MODELS"):  # where models are looked for, too: this user's own are not the files' doing
        os.environ[name] = str(place / name)
    target = TARGETS[index]
    watch = Watch((Path(sys.prefix), Path(sys.base_prefix), environments.ROOT, kernel_folder(), place, *map(Path, ("/proc", "/sys", "/usr"))))
    sound = place / "sound"
    shutil.rmtree(sound, ignore_errors=True)
    sound.mkdir()
    names = make_sound(target, sound)
    for _ in names:  # what is imported and compiled at first use is not the damaged files' doing
        attempt(target, sound, names, None, place / "trial", watch)
    answers.send(None)
    for number in range(first, count):
        outcome = attempt(target, sound, names, number, place / "trial", watch)
        answers.send(outcome)
        answers.recv()
        if outcome.bytes > LARGEST:
            return  # in a fresh one the next file's memory can be told
