"""Sets up what is needed and runs every check and test: style, types, the scripts', the engine's, Blender's, and both together.

python scripts/test.py [--only style|scripts|engine|blender|end_to_end] [--all-blenders] [--blender PATH]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support import blender, checks, console, environments, extension

PARTS = ("style", "scripts", "engine", "blender", "end_to_end")


def main() -> int:
    parser = argparse.ArgumentParser(description=console.headline(__doc__))
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    parser.add_argument("--all-blenders", action="store_true", help="every Blender version that a Python on this machine can run")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    arguments = parser.parse_args()
    parts = PARTS if arguments.only is None else (arguments.only,)
    return report(run(parts, arguments.blender, arguments.all_blenders))


def run(parts: Sequence[str], program: str | None, every: bool) -> list[checks.Outcome]:
    """Runs the parts, the cheap ones first; what needs Blender runs beside what does not."""
    engine_python = environments.ready(environments.engine_environment())
    blenders: list[blender.Blender] = []
    zip_file = extension.default_zip()
    if "blender" in parts or "end_to_end" in parts:
        blenders = blender.everything() if every else [blender.chosen(program)]
        extension.build(blenders[-1], zip_file)
    with ThreadPoolExecutor(2) as lanes:
        plain = lanes.submit(_without_blender, parts, engine_python)
        inside = lanes.submit(_in_blender, parts, blenders, zip_file, engine_python)
        return [*plain.result(), *inside.result()]


def _without_blender(parts: Sequence[str], engine_python: Path) -> list[checks.Outcome]:
    outcomes: list[checks.Outcome] = []
    if "style" in parts:
        style_python = environments.ready(environments.style_environment())
        outcomes += [*checks.style(style_python), *checks.types(style_python, engine_python)]
    return outcomes + [checks.engine_tests(engine_python, part) for part in ("scripts", "engine") if part in parts]


def _in_blender(parts: Sequence[str], blenders: Sequence[blender.Blender], zip_file: Path, engine_python: Path) -> list[checks.Outcome]:
    chosen = [part for part in ("blender", "end_to_end") if part in parts]
    return [checks.blender_tests(one, zip_file, engine_python, part) for part in chosen for one in blenders]


def report(outcomes: Sequence[checks.Outcome]) -> int:
    """Prints each part's outcome and the sum, whose line comes last. Returns the exit code."""
    console.say("")
    for outcome in outcomes:
        console.say(str(outcome))
    passed, failed, skipped = (sum(counts) for counts in zip(*((o.passed, o.failed, o.skipped) for o in outcomes), strict=True))
    console.say(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    console.exit_with(main)
