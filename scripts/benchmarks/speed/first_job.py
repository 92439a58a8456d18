"""The first job after an installation against the tenth: kernels compiled into an empty folder by `doctor`, then jobs in one new process."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from align4d import protocol
from align4d.machine.description import machine
from support import environments, folders
from support.console import run_logged, say

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
    run_logged([sys.executable, "-m", "align4d", "doctor"], "Compiling the kernels", out / "doctor.log", surroundings)
    installed = time.perf_counter() - began
    made = [out / f"{number:02}" for number in range(arguments.runs)]
    for folder in made:
        jobs.prepare(arguments.job, folder, "cpu", arguments)
    run_logged([sys.executable, resumed.__file__, *made], "Running the jobs", out / "jobs.log", surroundings)
    seconds = [json.loads((folder / resumed.ELAPSED).read_text()) for folder in made]
    figures = {"machine": machine("cpu"), "compiling_seconds": installed, "seconds": seconds, "first_less_last": seconds[0] - seconds[-1]}
    with protocol.replacing(out / "first_job.json", "w") as file:
        json.dump(figures, file, indent=1)
    say(json.dumps(figures, indent=1))
    return 0
