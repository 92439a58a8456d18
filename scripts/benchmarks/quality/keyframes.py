"""Keyframes: finished motions of bench.py motion as keyframes on the case's own or a made armature, against their point caches and the truth."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import rich.console
import rich.table
from align4d_lab.evaluation.truth_file import read_truth
from align4d_lab.tables.report import write_json

from support import blender, environments, extension, folders
from support.console import ScriptError, say
from support.generation import run_with_bar

COLUMNS = {
    "cache": "point cache explains",
    "keyed": "keyframes explain",
    "difference": "difference %",
    "largest": "largest %",
    "seconds": "seconds",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=Path, required=True, help="folder of cases, for their truth")
    parser.add_argument("--motion", type=Path, required=True, help="what bench.py motion left for these cases as its --out")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json")


def run(arguments: argparse.Namespace) -> int:
    """Keys every finished case; 1 where one of them failed."""
    chosen = blender.chosen(arguments.blender)
    user_folder = extension.installed(chosen, environments.ready(environments.engine_environment()))
    out = folders.fresh(arguments.out)
    figures: dict[str, dict[str, float]] = {}
    failed = False
    for blend in sorted(arguments.motion.glob("*/scene/animated.blend")):
        name = blend.parents[1].name
        try:
            run_with_bar(chosen, user_folder, "keyframes.py", [blend.resolve(), (out / f"{name}.npz").resolve()], out / f"{name}.log")
        except ScriptError as error:
            say(f"{name} failed: {error}")
            failed = True
            continue
        figures[name] = measure(arguments.cases / name / "truth.npz", out / f"{name}.npz")
    if not figures:
        raise ScriptError(f"{arguments.motion} holds no finished motion: run bench.py motion with --out first.")
    write_json(out / "figures.json", figures)
    table = rich.table.Table("case", *COLUMNS.values())
    for name, values in figures.items():
        table.add_row(name, *(f"{values[key]:.3g}" for key in COLUMNS))
    rich.console.Console().print(table)
    return int(failed)


def measure(truth: Path, shown: Path) -> dict[str, float]:
    """Motion explained of both forms, and how far they are apart, in parts of a hundred of the mesh's longest side."""
    true = read_truth(truth)
    with np.load(shown) as arrays:
        cache, keyed, seconds = arrays["cache"], arrays["keyed"], float(arrays["seconds"])
    apart = np.linalg.norm(cache - keyed, axis=-1) / float(np.ptp(true.rest, axis=0).max())
    return {
        "cache": true.explained(cache),
        "keyed": true.explained(keyed),
        "difference": 100 * float(apart.mean()),
        "largest": 100 * float(apart.max()),
        "seconds": seconds,
    }
