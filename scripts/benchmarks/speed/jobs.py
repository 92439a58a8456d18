"""Jobs: prepared job folders through the engine, without Blender: seconds of each stage; beside busy programs, or another commit."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich.console
import rich.table
import torch
from align4d_lab.evaluation.truth_file import read_truth

from align4d import protocol
from align4d.job.reporting import RecordingReporter
from align4d.machine.description import machine
from align4d.pipeline import artist
from support import environments, folders
from support.console import say

from ..quality.motion import overrides
from . import against

RUNS, RUNS_BESIDE = 2, 4
"""Of each job, where the command line does not say: as it is, and of each beside busy programs but the first."""

LEAST_SECONDS = 0.1
"""A stage that takes less counts as if it took so long: it says nothing of threads."""

THIS = "this checkout"
"""How its engine is called beside another commit's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=Path, required=True, help="folder of job folders; a movie's path is relative to its job folder")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json and the motions")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--preset", help="instead of the request's")
    parser.add_argument("--runs", type=int, help=f"of each job in one process; the first compiles and loads ({RUNS}; with --busy {RUNS_BESIDE})")
    beside = parser.add_mutually_exclusive_group()
    beside.add_argument("--busy", type=int, default=0, metavar="N", help="after each run but the first, beside N programs that each keep a core busy")
    beside.add_argument("--against", metavar="REV", help="in turn with the engine of this commit, or of the checkout in this folder")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting of the engine (can be repeated)")


def run(arguments: argparse.Namespace) -> int:
    """Runs the jobs one after the other and writes OUT/figures.json; 1 where one failed against another engine."""
    device = pipeline_device(arguments.device)
    say(machine(device))
    sources = sorted(path.parent for path in arguments.jobs.glob("*/request.json"))
    figures = run_against(sources, device, arguments) if arguments.against else run_alone(sources, device, arguments)
    with protocol.replacing(arguments.out / "figures.json", "w") as file:
        json.dump({"machine": machine(device), **figures}, file, indent=1)
    return int(bool(figures.get("failed")))


def run_alone(sources: list[Path], device: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of each job's runs in this process, in turn with runs beside busy programs where these are asked for; printed, too."""
    figures: dict[str, Any] = {"jobs": {}}
    for source in sources:
        quiet, busy = [], []
        for repeat in range(arguments.runs or (RUNS_BESIDE if arguments.busy else RUNS)):
            quiet.append(measure(source, folders.fresh(arguments.out / source.name), device, arguments))
            say(f"{source.name}, run {repeat + 1}: {quiet[-1]['seconds']:.1f} s; {json.dumps(quiet[-1]['stages'])}")
            if arguments.busy and (repeat or arguments.runs == 1):
                with busy_programs(arguments.busy):
                    busy.append(measure(source, folders.fresh(arguments.out / source.name), device, arguments))
                say(f"{source.name}, beside {arguments.busy} busy: {busy[-1]['seconds']:.1f} s; {json.dumps(busy[-1]['stages'])}")
        figures["jobs"][source.name] = quiet
        if busy:
            figures.setdefault("busy", {})[source.name] = busy
            whole, ratios = times_as_long(busy, quiet[-len(busy) :])
            say(f"{source.name}, beside {arguments.busy} busy: {whole:.2f} times as long, median of {len(busy)}; {json.dumps(ratios)}")
    show(figures["jobs"])
    return figures


def times_as_long(busy: list[dict[str, Any]], quiet: list[dict[str, Any]]) -> tuple[float, dict[str, float]]:
    """By how much the median of the busy runs is longer than that of the quiet ones: of whole runs, and of each stage."""

    def ratio(seconds: Callable[[dict[str, Any]], float]) -> float:
        slow, fast = (max(statistics.median(map(seconds, runs)), LEAST_SECONDS) for runs in (busy, quiet))
        return round(slow / fast, 2)

    stages = {name: ratio(lambda run, name=name: run["stages"][name]) for name in quiet[0]["stages"]}  # type: ignore[misc]
    return ratio(lambda run: run["seconds"]), stages


def run_against(sources: list[Path], device: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of each job's runs through this engine and another commit's; printed, too."""
    out = folders.fresh(arguments.out)
    with against.engine_of(arguments.against) as other:
        engines = {THIS: environments.ROOT / "engine", arguments.against: other}
        runs = arguments.runs or RUNS
        found, failed = against.in_turn(sources, lambda source, folder: prepare(source, folder, device, arguments), out, engines, runs)
    against.show(found, arguments.against, THIS, rich.console.Console(width=200))
    return {"against": arguments.against, "jobs": found, "failed": failed}


@contextmanager
def busy_programs(count: int) -> Iterator[None]:
    """Within it so many programs do nothing but keep a core busy."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def pipeline_device(wanted: str) -> str:
    """What "auto" is here."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def with_video(request: protocol.Request, source: Path) -> protocol.Request:
    """The request with the absolute paths of its movie or images, which were relative to the job folder `source`."""
    video = request.video
    images = tuple(str((source / image).resolve()) for image in video.images)
    path = str((source / video.path).resolve()) if video.path else ""
    return dataclasses.replace(request, video=dataclasses.replace(video, path=path, images=images))


def prepare(source: Path, folder: Path, device: str, arguments: argparse.Namespace) -> None:
    """Makes the job of `source` anew in `folder`, with what the command line changes in it."""
    shutil.copytree(source / "input", folder / "input")
    request = with_video(protocol.read_request(source), source)
    settings = {**request.settings, **overrides(arguments.set)}
    changed = dataclasses.replace(request, device=device, preset=arguments.preset or request.preset, settings=settings)
    protocol.write_json(folder / "request.json", changed)


def measure(source: Path, folder: Path, device: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Runs one job in `folder`. With a truth.npz beside the request also how much of the motion was explained."""
    prepare(source, folder, device, arguments)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    result = artist.run(folder, RecordingReporter())
    seconds = time.perf_counter() - began
    gpu = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else None
    truth = source / "truth.npz"
    motion = protocol.read_pc2(folder / result.objects[0].motion)
    figures = {"seconds": seconds, "stages": result.seconds, "gpu_gb": gpu, "engine": result.figures, "notes": list(result.notes)}
    return {**figures, "motion_explained": read_truth(truth).explained(motion) if truth.exists() else None}


def show(jobs: dict[str, list[dict[str, Any]]]) -> None:
    """Prints the last run of each job."""
    stages = list(dict.fromkeys(name for runs in jobs.values() for name in runs[-1]["stages"]))
    table = rich.table.Table("job", "s", *stages, "GPU GB", "motion explained")
    for name, runs in jobs.items():
        last = runs[-1]
        numbers = [last["seconds"], *(last["stages"].get(stage) for stage in stages), last["gpu_gb"], last["motion_explained"]]
        table.add_row(name, *("–" if one is None else f"{one:.3g}" for one in numbers))
    rich.console.Console(width=160).print(table)
