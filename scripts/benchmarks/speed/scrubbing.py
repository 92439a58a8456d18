"""Scrubbing: how fast Blender brings a frame of Gaussians up to date, of 20k and 200k, with and without view-dependent colors."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rich.console
import rich.table

from align4d.machine.description import machine
from align4d.protocol import replacing
from align4d.protocol.ply import PROPERTIES, write_ply
from support import blender, environments, extension, folders
from support.console import say
from support.generation import run_with_bar

CASES = ((20_000, 0, 24), (20_000, 3, 24), (200_000, 0, 12), (200_000, 3, 12))
"""Gaussians, degree of their harmonics, frames."""

HARMONICS = (0, 9, 24, 45)
"""Number of f_rest properties by degree."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--version", help="which of PyPI's, such as 4.2 (default: the newest that fits the running Python)")


def run(arguments: argparse.Namespace) -> int:
    """Writes the sequences, scrubs through them in Blender, and writes OUT/figures.json."""
    program = blender.chosen(arguments.blender, arguments.version)
    user = extension.installed(program, environments.ready(environments.engine_environment()))
    out = folders.fresh(arguments.out)
    with tempfile.TemporaryDirectory() as folder:
        files = {case: write_sequence(Path(folder) / f"{case[0]}_{case[1]}", *case) for case in CASES}
        report, _ = run_with_bar(program, user, "scrub.py", [folder, *files.values()], out / "blender.log")
    figures: dict[str, Any] = {"machine": machine("cpu"), "blender": program.version, "cases": []}
    for (count, degree, _), file in files.items():
        figures["cases"].append({"gaussians": count, "degree": degree, **report["timings"][str(file)]})
    with replacing(out / "figures.json", "w") as written:
        json.dump(figures, written, indent=1)
    show(figures)
    return 0


def write_sequence(folder: Path, count: int, degree: int, frames: int) -> Path:
    """Random Gaussians that drift; returns the first file."""
    folder.mkdir()
    say(f"Writing {frames} files of {count} Gaussians, degree {degree}")
    rng = np.random.default_rng(0)
    names = [*PROPERTIES[:9], *(f"f_rest_{index}" for index in range(HARMONICS[degree])), *PROPERTIES[9:]]
    rows = rng.normal(0, 0.3, (count, len(names))).astype("<f4")
    rows[:, [names.index(f"scale_{axis}") for axis in range(3)]] -= 4
    for frame in range(frames):
        rows[:, 0] += 0.01
        write_ply(folder / f"frame_{frame:04}.ply", rows, names)
    return folder / "frame_0000.ply"


def show(figures: dict[str, Any]) -> None:
    """Prints medians: by the clock, and of the processor."""
    table = rich.table.Table("Gaussians", "degree", "opening s", "first time ms", "of processor", "again ms", "of processor", "fps", "fps again")
    for case in figures["cases"]:
        medians = [statistics.median(column) for name in ("first", "again") for column in zip(*case[name], strict=True)]
        numbers = (case["opening"], *medians, 1e3 / medians[0], 1e3 / medians[2])
        table.add_row(str(case["gaussians"]), str(case["degree"]), *(f"{number:.3g}" for number in numbers))
    say(f"{figures['machine']}, Blender {figures['blender']}, load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else figures["machine"])
    rich.console.Console(width=120).print(table)
