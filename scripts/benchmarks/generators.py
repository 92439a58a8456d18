"""Generators: the memory that models of the paper's sizes take on a GPU, against what is said of them before they are loaded."""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rich.console
import rich.table
import torch

from align4d.errors import EngineError
from align4d.generators.interfaces import GenerationOptions, ImageTo3D, ImageToVideo, TextToImage
from align4d.generators.lgm import LGM
from align4d.generators.placing import Place
from align4d.generators.sdxl import SDXL
from align4d.generators.svd import SVD
from align4d.model_files.memory_estimate import CONTEXT_BYTES
from align4d.progress import RecordingReporter
from align4d.protocol import replacing
from support.console import ScriptError, say

GENERATORS: dict[str, Any] = {"sdxl": SDXL, "svd": SVD, "lgm": LGM}

STEPS = 2
"""Of denoising; more take no more memory."""

LEAST_CONTEXT, MOST_CONTEXT = 200_000_000, 1_200_000_000
"""What CUDA can take in a process [bytes]."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """Memory of one run [bytes].

    Attributes:
        offload, frugal: how it was placed.
        estimate: what was said before loading.
        peak: what the GPU gave this process at most: what torch held, and the context beside it. Other processes are not in it.
        held, alive: what torch held at most, and what of that was in use at most.
        context: of CUDA, in this process.
        seconds: of loading and of the work.
        problem: what went wrong; "" where nothing did.
    """

    model: str
    budget: int
    offload: str = ""
    frugal: bool = False
    estimate: int = 0
    peak: int = 0
    held: int = 0
    alive: int = 0
    context: int = 0
    seconds: tuple[float, float] = (0.0, 0.0)
    problem: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json")
    parser.add_argument("--models", nargs="+", choices=sorted(GENERATORS), default=["lgm", "sdxl", "svd"])
    parser.add_argument("--budgets", nargs="+", type=float, default=[0.0, 8.0], metavar="GB", help="of GPU memory; 0: all that is free")
    parser.add_argument("--folder", type=Path, help="where the random weights lie, or are to lie (16 GB); else a temporary folder")


def run(arguments: argparse.Namespace) -> int:
    """Measures each model with each budget in a process of its own; 0 where all ran."""
    if not torch.cuda.is_available():
        raise ScriptError("This benchmark measures the memory of an NVIDIA GPU, and there is none.")
    arguments.out.mkdir(parents=True, exist_ok=True)
    folder = arguments.folder or Path(tempfile.mkdtemp())
    try:
        budgets = [round(gb * 1e9) for gb in arguments.budgets]
        found = [measured for model in arguments.models for measured in _measure_model(model, folder / model, budgets)]
    finally:
        if not arguments.folder:
            shutil.rmtree(folder, ignore_errors=True)
    with replacing(arguments.out / "figures.json", "w") as file:
        runs = [dataclasses.asdict(one) for one in found]
        json.dump({"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "runs": runs}, file, indent=1)
    rich.console.Console().print(_table(found))
    return int(any(one.problem for one in found))


def _measure_model(model: str, folder: Path, budgets: list[int]) -> list[Measured]:
    spawn = multiprocessing.get_context("spawn")
    if not folder.is_dir():
        say(f"{model}: writing random weights of the published sizes")
        with spawn.Pool(1) as pool:
            pool.apply(write_weights, (model, folder))
    found = []
    for budget in budgets:
        with spawn.Pool(1) as pool:
            found.append(pool.apply(measure, (model, folder, budget, torch.cuda.mem_get_info()[0])))
        say(str(found[-1]))
    return found


def write_weights(model: str, folder: Path) -> None:
    """In a process of its own: what it held of the GPU is gone afterwards."""
    from benchmarks import generator_weights

    getattr(generator_weights, f"save_{model}")(folder, "cuda")


def measure(model: str, folder: Path, budget: int, free_before: int) -> Measured:
    """One run, in a process of its own. Beyond the budget torch gets no memory at all.

    Args:
        free_before: of the GPU before this process was started [bytes]: what is missing then is its context.
    """
    device = torch.device("cuda", 0)
    torch.zeros(1, device=device)
    context = context_size(free_before, torch.cuda.mem_get_info(device)[0], torch.cuda.memory_reserved(device))
    if budget:
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction((budget - context) / total, device)
    torch.cuda.reset_peak_memory_stats(device)
    place = Place(device, budget)
    began = time.perf_counter()
    try:
        generator = GENERATORS[model].open(folder, place, GenerationOptions(steps=STEPS))
        opened = time.perf_counter()
        placement = generator.placement if model == "lgm" else generator.opened.placement
        _work(generator)
    except Exception as error:  # the other runs go on
        return Measured(model, budget, problem=str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}")
    return Measured(
        model,
        budget,
        placement.offload,
        placement.frugal,
        placement.taken(budget or free_before),
        torch.cuda.max_memory_reserved(device) + context,
        torch.cuda.max_memory_reserved(device),
        torch.cuda.max_memory_allocated(device),
        context,
        (round(opened - began, 1), round(time.perf_counter() - opened, 1)),
    )


def context_size(before: int, after: int, held: int) -> int:
    """What CUDA took in this process [bytes]: what is free now, against before, less what torch holds; the usual where another
    process came or went meanwhile."""
    found = before - after - held
    return found if LEAST_CONTEXT <= found <= MOST_CONTEXT else CONTEXT_BYTES


def _work(generator: Any) -> None:
    report = RecordingReporter()
    picture = np.full((512, 512, 4), 255, np.uint8)
    picture[..., 3] = 0
    picture[128:384, 160:352] = (180, 90, 40, 255)
    if isinstance(generator, TextToImage):
        generator.paint("ab", 0, report)
    elif isinstance(generator, ImageToVideo):
        generator.animate(picture[..., :3], "", 0, report)
    elif isinstance(generator, ImageTo3D):
        generator.reconstruct(picture, 0, report)


def _table(found: list[Measured]) -> rich.table.Table:
    table = rich.table.Table(
        "model", "budget, GB", "offloaded", "in pieces", "estimate, GB", "measured, GB", "of that in use, GB", "error, %", "load, work, s", "problem"
    )
    for one in found:
        error = f"{100 * (one.estimate - one.peak) / one.peak:+.0f}" if one.peak else "not measured"
        table.add_row(
            one.model,
            f"{one.budget / 1e9:.0f}" if one.budget else "free",
            one.offload,
            "yes" if one.frugal else "no",
            f"{one.estimate / 1e9:.2f}",
            f"{one.peak / 1e9:.2f}",
            f"{one.alive / 1e9:.2f}",
            error,
            f"{one.seconds[0]}, {one.seconds[1]}",
            one.problem,
        )
    return table
