"""Sets up what is needed and runs every check and test: style, types, the scripts', the engine's, Blender's, and both together.

python scripts/test.py [--only style|scripts|engine|blender|end_to_end] [--all-blenders] [--blender PATH]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from support import blender, checks, console, environments, extension

PARTS = ("style", "scripts", "engine", "blender", "end_to_end")
LANES = 2
"""Parts that run beside each other."""


def main() -> int:
    parser = argparse.ArgumentParser(description=console.headline(__doc__))
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    parser.add_argument("--all-blenders", action="store_true", help="every Blender version that a Python on this machine can run")
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    arguments = parser.parse_args()
    parts = PARTS if arguments.only is None else (arguments.only,)
    return report(run(parts, arguments.blender, arguments.all_blenders))


def run(parts: Sequence[str], program: str | None, every: bool) -> list[checks.Outcome]:
    """Runs the parts, as many beside each other as there are lanes: the longest first, so that all lanes end together."""
    share_cores(1 if len(parts) == 1 else LANES)
    engine_python = environments.ready(environments.engine_environment())
    style_python = environments.ready(environments.style_environment()) if "style" in parts else engine_python
    blenders: list[blender.Blender] = []
    zip_file = extension.default_zip()
    if "blender" in parts or "end_to_end" in parts:
        blenders = blender.everything() if every else [blender.chosen(program)]
        extension.build(blenders[-1], zip_file)
    work: list[tuple[str, Callable[[], list[checks.Outcome]]]] = [
        ("engine", lambda: [checks.engine_tests(engine_python)]),
        ("style", lambda: checks.style(style_python)),
        ("blender", lambda: [checks.blender_tests(one, zip_file, engine_python) for one in blenders]),
        ("end_to_end", lambda: [checks.blender_tests(one, zip_file, engine_python, "end_to_end") for one in blenders]),
        ("style", lambda: checks.types(style_python, engine_python)),
        ("scripts", lambda: [checks.engine_tests(engine_python, "scripts")]),
    ]
    with ThreadPoolExecutor(LANES) as lanes:
        running = [lanes.submit(one) for part, one in work if part in parts]
        return [outcome for one in running for outcome in one.result()]


def share_cores(lanes: int) -> None:
    """Leaves each lane its part of the cores: threads of torch that wait for one another keep a core busy that others need."""
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // lanes)))


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
