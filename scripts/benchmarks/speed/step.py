"""Step: a whole step of the paper's optimization, how long it takes, and where it waits for the GPU."""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from align4d.alignment.optimization import Optimization
from align4d.machine.description import machine
from align4d.priors.embedded import load_embedded_prior
from align4d.priors.recorded import RecordedPrior
from align4d.protocol import replacing
from align4d.rendering.deferral import Deferral
from support.console import ScriptError, say

from . import step_scene

WARM_UP, SECONDS_EACH = 4, 3.0
RUN = 10
"""Recorded steps between two looks at what they made."""

VARIANTS = ((False, False), (False, True), (True, False), (True, True))
"""Prior in half precision, and recorded as a CUDA graph; the first is what runs off the GPU."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--backend", default="auto", help="rasterizer: auto, cpu, triton or gsplat")
    parser.add_argument("--gaussians", type=int, default=20_000)


def run(arguments: argparse.Namespace) -> int:
    """Measures, prints, and leaves OUT/figures.json."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    say(machine(arguments.device))
    figures: dict[str, Any] = {
        "machine": machine(arguments.device),
        "torch": torch.__version__,
        "gaussians": arguments.gaussians,
        "frames": step_scene.FRAMES,
        "known_views": step_scene.VIEWS,
        "novel_views": step_scene.VIEWS,
        "size": step_scene.SIZE,
    }
    for half, recorded in VARIANTS if arguments.device == "cuda" else VARIANTS[:1]:
        name = f"prior in {'bf16' if half else 'fp32'}{', recorded' if recorded else ''}"
        figures[name] = measure(arguments, half, recorded)
        show(name, figures[name])
    with replacing(arguments.out / "figures.json", "w") as file:
        json.dump(figures, file, indent=1)
    return 0


def measure(arguments: argparse.Namespace, half: bool, recorded: bool) -> dict[str, Any]:
    """Times with and without waiting for the number of pairs, and synchronizations by their place."""
    embedded = load_embedded_prior(arguments.device, half=half)
    prior = RecordedPrior(embedded) if recorded else embedded
    steps = step_scene.build(prior, arguments.gaussians, arguments.device, arguments.backend)
    device = torch.device(arguments.device)
    watched = timed(steps.step, arguments.device)
    steps.deferral = counting = Deferral(device)
    steps.step()
    # only the Triton rasterizer counts pairs
    room = 2 * counting.verify() or None
    steps.deferral = deferral = Deferral(device, room)
    unwatched = timed(steps.step, arguments.device)
    replayed = timed(lambda: steps.advance(RUN), arguments.device) / RUN if steps.steps.recordable else unwatched
    syncs = synchronizations(steps) if arguments.device == "cuda" else {}
    most = deferral.verify()
    if room is not None and most > room:
        raise ScriptError(f"A rendering had {most} pairs of tiles and Gaussians, more than the room for {room}: the times are not the method's.")
    return {"watched_ms": watched, "ms": unwatched, "replayed_ms": replayed, "steps_per_second": 1e3 / unwatched, "synchronizations": syncs}


def timed(step: Callable[[], None], device: str) -> float:
    """Median milliseconds of a step, of runs of ten that wait for the device at their end only."""
    for _ in range(WARM_UP):
        step()
    runs: list[float] = []
    started = time.perf_counter()
    while len(runs) < 3 or time.perf_counter() - started < SECONDS_EACH:
        count = 10 if device == "cuda" else 1
        began = _now(device)
        for _ in range(count):
            step()
        runs.append((_now(device) - began) * 1e3 / count)
    return statistics.median(runs)


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def synchronizations(steps: Optimization) -> dict[str, int]:
    """Where a step makes the processor wait for the GPU, as torch sees it: {"file:line": times}."""
    with warnings.catch_warnings(record=True) as caught, contextlib.ExitStack() as after:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        after.callback(torch.cuda.set_sync_debug_mode, "default")
        steps.step()
    places = Counter(f"{Path(one.filename).name}:{one.lineno}" for one in caught if "synchroniz" in str(one.message))
    return dict(places.most_common())


def show(name: str, figures: dict[str, Any]) -> None:
    """Prints one variant."""
    say(f"\n{name}: {figures['ms']:.2f} ms a step, {figures['steps_per_second']:.1f} steps/s")
    say(f"recorded whole: {figures['replayed_ms']:.2f} ms a step")
    say(f"waiting in every rendering: {figures['watched_ms']:.2f} ms a step")
    for place, times in figures["synchronizations"].items():
        say(f"waits for the GPU: {place}, {times} times a step")
