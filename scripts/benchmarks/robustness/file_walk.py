"""Files: a random walk of copies, appends, links, removes, undo and saves in several .blend files; no motion may be lost that an object plays."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from support import blender, checks, environments, extension
from support.console import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=500, help="of each walk")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="one walk each")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")


def run(arguments: argparse.Namespace) -> int:
    """Walks; ends with code 1 where a motion was lost."""
    os.environ["ALIGN4D_WALK_STEPS"] = str(arguments.steps)
    os.environ["ALIGN4D_WALK_SEEDS"] = ",".join(map(str, arguments.seeds))
    chosen = blender.chosen(arguments.blender)
    with tempfile.TemporaryDirectory() as folder:
        zip_file = extension.build(chosen, Path(folder) / "align4d.zip")
        engine = environments.ready(environments.engine_environment())
        outcome = checks.blender_tests(chosen, zip_file, engine, "blender/test_file_walk.py")
    say(f"{outcome.passed} of {len(arguments.seeds)} walks of {arguments.steps} steps lost no motion")
    return int(outcome.failed > 0)
