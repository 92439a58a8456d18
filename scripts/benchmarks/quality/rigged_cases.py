"""Rigged cases: copies of the motion benchmark's cases whose mesh has the bones of the file that it came from; for bench.py motion."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from support import blender, folders
from support.console import run_logged, say

from .motion import find_cases


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=Path, required=True, help="folder of cases: asset.blend, reference.mp4, frames and truth.npz each")
    parser.add_argument("--only", action="append", metavar="NAME", help="one case (can be repeated)")
    parser.add_argument("--rig", type=Path, required=True, metavar="GLB", help="the rigged file that the assets of these cases came from")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--out", type=Path, required=True, help="folder for the cases")


def run(arguments: argparse.Namespace) -> int:
    """Writes OUT/CASE for each."""
    chosen = blender.chosen(arguments.blender)
    for case in find_cases(arguments.cases, arguments.only):
        out = folders.fresh(arguments.out / case.name)
        shutil.copytree(case, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("asset.blend"))
        with tempfile.TemporaryDirectory() as home:
            command = chosen.command(blender.SCRIPTS_IN_BLENDER / "rig.py", [case / "asset.blend", arguments.rig, out / "asset.blend"])
            run_logged(command, case.name, out / "rig.txt", chosen.surroundings(Path(home)))
        say(f"{case.name}: rigged")
    return 0
