"""The first job after an installation against the tenth: kernels compiled into an empty folder by `doctor`, then jobs in one new process."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from align4d import protocol
from align4d.machine.description import machine
from support import environments, folders
from support.console import ScriptError, say

from . import jobs, resumed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", type=Path, help="a job folder")
    parser.add_argument("--out", type=Path, required=True, help="folder for first_job.json, the compiled kernels and the jobs")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting of the engine (can be repeated)")


def run(arguments: argparse.Namespace) -> int:
    """Measures, prints, and leaves OUT/first_job.json."""
    out = folders.fresh(arguments.out).resolve()
    surroundings = {**os.environ, "PYTHONPATH": str(environments.ROOT / "engine"), "ALIGN4D_CACHE": str(out / "cache")}
    began = time.perf_counter()
    _run([sys.executable, "-m", "align4d", "doctor"], surroundings)
    installed = time.perf_counter() - began
    made = [out / f"{number:02}" for number in range(arguments.runs)]
    for folder in made:
        jobs.prepare(arguments.job, folder, "cpu", arguments)
    _run([sys.executable, resumed.__file__, *map(str, made)], surroundings)
    seconds = [json.loads((folder / resumed.ELAPSED).read_text()) for folder in made]
    figures = {"machine": machine("cpu"), "compiling_seconds": installed, "seconds": seconds, "first_less_last": seconds[0] - seconds[-1]}
    with protocol.replacing(out / "first_job.json", "w") as file:
        json.dump(figures, file, indent=1)
    say(json.dumps(figures, indent=1))
    return 0


def _run(words: list[str], surroundings: dict[str, str]) -> None:
    done = subprocess.run(words, env=surroundings, capture_output=True, text=True)
    if done.returncode:
        raise ScriptError(f"{(done.stdout + done.stderr)[-2000:]}\n{' '.join(words[1:4])} failed.")
