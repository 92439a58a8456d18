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

from . import keyframe_pictures

COLUMNS = {
    "cache": "point cache explains",
    "keyed": "keyframes explain",
    "difference": "difference %",
    "largest": "largest %",
    "keys": "keys left %",
    "fewer_difference": "at %",
    "slide": "contacts slide %",
    "seam": "seam / step",
    "bend": "bent: stretch %",
    "automatic_bend": "(automatic)",
    "seconds": "s",
}
"""The figures of the table; a figure that a case does not have is left out."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=Path, required=True, help="folder of cases, for their truth")
    parser.add_argument("--motion", type=Path, required=True, help="what bench.py motion left for these cases as its --out")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="also writes a picture of all these rigs with their bones")
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
    if arguments.picture:
        blends = [arguments.motion / name / "scene" / "animated.blend" for name in figures]
        keyframe_pictures.write(arguments.picture, blends, chosen, user_folder, out / "pictures")
    write_json(out / "figures.json", figures)
    table = rich.table.Table("case", *COLUMNS.values())
    for name, values in figures.items():
        table.add_row(name, *(f"{values[key]:.3g}" if key in values else "" for key in COLUMNS))
    rich.console.Console(width=180).print(table)
    return int(failed)


def measure(truth: Path, shown: Path) -> dict[str, float]:
    """The figures of a case; lengths in parts of a hundred of the mesh's longest side, parts of a whole in parts of a hundred."""
    true = read_truth(truth)
    size = float(np.ptp(true.rest, axis=0).max())
    with np.load(shown) as arrays:
        cache, keyed, loop, keys, slide = (arrays[name] for name in ("cache", "keyed", "loop", "keys", "slide"))
        apart = 100 * np.linalg.norm(cache - keyed, axis=-1) / size
        steps = np.linalg.norm(np.diff(loop, axis=0), axis=-1).mean(1)
        figures = {
            "cache": true.explained(cache),
            "keyed": true.explained(keyed),
            "difference": apart.mean(),
            "largest": apart.max(),
            "keys": 100 * keys[1] / keys[0],
            "fewer_difference": 100 * np.linalg.norm(arrays["fewer"] - keyed, axis=-1).mean() / size,
            "seam": np.linalg.norm(loop[-1] - loop[0], axis=-1).mean() / steps.max(),
            "seconds": arrays["seconds"],
        }
        if len(slide):
            figures["slide"] = 100 * slide[1] / slide[0]
        if arrays["made"]:
            figures["bend"] = 100 * arrays["own"].mean()
        if arrays["made"] and len(arrays["automatic"]):
            figures["automatic_bend"] = 100 * arrays["automatic"].mean()
    return {name: float(value) for name, value in figures.items()}
