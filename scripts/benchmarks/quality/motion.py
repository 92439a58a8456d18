"""Motion: every case of a folder through Blender and the engine, judged against the true motion."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import rich.console
import rich.table
from align4d_lab.tables.report import write_json

from align4d.protocol import setting_of
from support import blender, environments, extension
from support.console import ScriptError, say

from . import motion_case, motion_pictures

COLUMNS = {
    "motion_explained": "motion explained",
    "shown_motion_explained": "(as shown)",
    "in_view_error": "in view %",
    "static_in_view_error": "(static)",
    "depth_error": "depth %",
    "static_depth_error": "(static)",
    "depth_ratio": "over static",
    "reprojection_error": "reproj. %",
    "shown_reprojection_error": "(as shown)",
    "temporal_jerk": "jerk",
    "edge_stretch": "stretch",
    "cd_m": "CD-M",
    "vaod_error": "VAOD",
    "azimuth_error": "az °",
    "elevation_error": "el °",
    "camera_error": "camera °",
    "novel_view_psnr": "novel dB",
    "seconds": "s",
    "peak_memory_gb": "GB",
}
"""The figures of the table; figures.json has all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=Path, required=True, help="folder of cases: asset.blend, reference.mp4 and truth.npz each")
    parser.add_argument("--only", action="append", metavar="NAME", help="one case (can be repeated)")
    parser.add_argument("--preset", default="artist", help="quality preset")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting of the engine (can be repeated)")
    parser.add_argument("--start-offset", type=float, default=0.0, metavar="DEG", help="put the start camera off by this much")
    parser.add_argument("--masks", action="store_true", help="give the cases' frames with their true masks (frames/*.png), not their movies")
    parser.add_argument("--box", action="store_true", help="give a box around the object, and keep the masks for `bench.py masks --jobs`")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json, the motion and the pictures")


def run(arguments: argparse.Namespace) -> int:
    """Runs the cases one after the other; 1 where one of them failed."""
    chosen = blender.chosen(arguments.blender)
    user_folder = extension.installed(chosen, environments.ready(environments.engine_environment()))
    figures: dict[str, dict[str, Any]] = {}
    for case in find_cases(arguments.cases, arguments.only):
        say(f"\n{case.name}")
        try:
            outcome = motion_case.run(case, arguments.out / case.name, chosen, user_folder, options(arguments))
            figures[case.name] = outcome.figures
            motion_pictures.write(arguments.out / case.name, outcome)
        except ScriptError as error:
            say(f"{case.name} failed: {error}")
            figures[case.name] = {"error": str(error)}
        average = mean(list(figures.values()))
        write_json(arguments.out / "figures.json", {"cases": figures, "mean": average, "settings": settings_of(arguments, chosen.version)})
    show(figures, average)
    return int(any("error" in values for values in figures.values()))


def find_cases(folder: Path, only: list[str] | None) -> list[Path]:
    """The case folders, in order of their names. Raises ScriptError where there are none."""
    cases = sorted(path.parent for path in folder.glob("*/truth.npz") if only is None or path.parent.name in only)
    if not cases:
        wanted = f" called {' or '.join(only)}" if only else ""
        raise ScriptError(f"{folder} has no case{wanted}: a case is a folder with asset.blend, reference.mp4 and truth.npz.")
    return cases


def options(arguments: argparse.Namespace) -> motion_case.Options:
    return motion_case.Options(
        arguments.preset, arguments.seed, arguments.device, overrides(arguments.set), arguments.start_offset, arguments.masks, arguments.box
    )


def overrides(pairs: list[str]) -> dict[str, Any]:
    """KEY=VALUE pairs as settings, see `setting_of`. Raises ScriptError."""
    try:
        return dict(setting_of(pair) for pair in pairs)
    except ValueError as error:
        raise ScriptError(f"--set: {error}.") from error


def settings_of(arguments: argparse.Namespace, version: str) -> dict[str, Any]:
    """What the figures were measured with."""
    return {
        "preset": arguments.preset,
        "device": arguments.device,
        "seed": arguments.seed,
        "overrides": overrides(arguments.set),
        "start_offset": arguments.start_offset,
        "masks": arguments.masks,
        "box": arguments.box,
        "blender": version,
    }


def mean(cases: list[dict[str, Any]]) -> dict[str, float]:
    """The mean of each figure over the cases that have it."""
    names = dict.fromkeys(name for case in cases for name, value in case.items() if isinstance(value, float))
    return {name: sum(values) / len(values) for name in names if (values := [case[name] for case in cases if _measured(case.get(name))])}


def show(cases: dict[str, dict[str, Any]], average: dict[str, float]) -> None:
    """Prints the table."""
    table = rich.table.Table("case", *COLUMNS.values())
    for name, values in (*cases.items(), ("mean", average)):
        row = [f"{values[key]:.3g}" if _measured(values.get(key)) else "–" for key in COLUMNS]
        table.add_row(name, *row, style="bold" if name == "mean" else None)
    rich.console.Console(width=210).print(table)
    say("LPIPS, CLIP and FVD: not measured (their weights are not on this machine).")


def _measured(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)
