"""Jobs: prepared job folders through the engine, without Blender: seconds of each stage; beside busy programs, or another commit."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
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

THIS = "this checkout"
"""How its engine is called beside another commit's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=Path, required=True, help="folder of job folders; a movie's path is relative to its job folder")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json and the motions")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--preset", help="instead of the request's")
    parser.add_argument("--runs", type=int, default=2, help="of each job in one process; the first compiles and loads")
    beside = parser.add_mutually_exclusive_group()
    beside.add_argument("--busy", type=int, default=0, metavar="N", help="once more beside N programs that each keep a core busy")
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
    """The figures of each job's runs in this process, and of one more beside busy programs where they are asked for; printed, too."""
    figures: dict[str, Any] = {"jobs": {}}
    for source in sources:
        for repeat in range(arguments.runs):
            found = measure(source, folders.fresh(arguments.out / source.name), device, arguments)
            figures["jobs"].setdefault(source.name, []).append(found)
            say(f"{source.name}, run {repeat + 1}: {found['seconds']:.1f} s; {json.dumps(found['stages'])}")
        if arguments.busy:
            with busy_programs(arguments.busy):
                beside = measure(source, folders.fresh(arguments.out / source.name), device, arguments)
            figures.setdefault("busy", {})[source.name] = beside
            ratios = {name: round(seconds / max(found["stages"][name], 0.1), 2) for name, seconds in beside["stages"].items()}
            say(f"{source.name}, beside {arguments.busy} busy: {beside['seconds'] / found['seconds']:.2f} times as long; {json.dumps(ratios)}")
    show(figures["jobs"])
    return figures


def run_against(sources: list[Path], device: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of each job's runs through this engine and another commit's; printed, too."""
    out = folders.fresh(arguments.out)
    with against.engine_of(arguments.against) as other:
        engines = {THIS: environments.ROOT / "engine", arguments.against: other}
        found, failed = against.in_turn(sources, lambda source, folder: prepare(source, folder, device, arguments), out, engines, arguments.runs)
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
