"""Keyframes: finished motions as keyframes on the case's own or a made armature, against their point caches and the truth."""

from __future__ import annotations

import argparse
import shutil
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
    finished = parser.add_mutually_exclusive_group(required=True)
    finished.add_argument("--motion", type=Path, metavar="DIR", help="what bench.py motion left for these cases as its --out")
    finished.add_argument("--jobs", type=Path, metavar="DIR", help="finished jobs of these cases, each in a folder called like its case")
    parser.add_argument("--only", action="append", metavar="NAME", help="one case (can be repeated)")
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
    blends: dict[str, Path] = {}
    for name in find_finished(arguments):
        try:
            blends[name] = blend = animated(arguments, name, out / name, chosen, user_folder)
            run_with_bar(chosen, user_folder, "keyframes.py", [blend, (out / f"{name}.npz").resolve()], out / f"{name}.log")
        except ScriptError as error:
            say(f"{name} failed: {error}")
            failed = True
            continue
        figures[name] = measure(arguments.cases / name / "truth.npz", out / f"{name}.npz")
    if arguments.picture:
        keyframe_pictures.write(arguments.picture, [blends[name] for name in figures], chosen, user_folder, out / "pictures")
    write_json(out / "figures.json", figures)
    table = rich.table.Table("case", *COLUMNS.values())
    for name, values in figures.items():
        table.add_row(name, *(f"{values[key]:.3g}" if key in values else "" for key in COLUMNS))
    rich.console.Console(width=180).print(table)
    return int(failed)


def find_finished(arguments: argparse.Namespace) -> list[str]:
    """The names of the cases whose motion is finished, in order. Raises ScriptError where there is none."""
    if arguments.motion:
        found = [path.parents[1].name for path in arguments.motion.glob("*/scene/animated.blend")]
    else:
        found = [path.parents[1].name for path in arguments.jobs.glob("*/output/result.json")]
    chosen = sorted(name for name in found if arguments.only is None or name in arguments.only)
    if not chosen:
        where = arguments.motion or arguments.jobs
        raise ScriptError(f"{where} holds no finished motion: run bench.py motion with --out first, or align4d resume on each job.")
    return chosen


def animated(arguments: argparse.Namespace, name: str, out: Path, chosen: blender.Blender, user_folder: Path) -> Path:
    """The .blend with a case's motion: what bench.py motion has left, or one that is made in `out` of a copy of its job. Raises ScriptError."""
    if arguments.motion:
        blend: Path = arguments.motion / name / "scene" / "animated.blend"
        return blend.resolve()
    scene = folders.fresh(out) / "scene"
    job = Path(shutil.copytree(arguments.jobs / name, scene / "align4d" / name, ignore=shutil.ignore_patterns("work")))
    blend = (scene / "animated.blend").resolve()
    run_with_bar(chosen, user_folder, "put_on.py", [(arguments.cases / name / "asset.blend").resolve(), job.resolve(), blend], out / "put_on.log")
    return blend


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
