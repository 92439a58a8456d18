"""Start-up: how much later Blender is ready because the extension is enabled."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess

from support import blender, environments, extension
from support.blender import SCRIPTS_IN_BLENDER
from support.console import ScriptError, say

REPEATS = 9
"""Each in a Blender of its own; the first one compiles the extension's Python, and does not count."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--blender", metavar="PATH", help="an installed Blender instead of PyPI's bpy")
    parser.add_argument("--version", help="which of PyPI's, such as 4.2 (default: the newest that fits the running Python)")


def run(arguments: argparse.Namespace) -> int:
    """Prints the median, the extremes, and which libraries the extension brought in."""
    chosen = blender.chosen(arguments.blender, arguments.version)
    user_folder = extension.installed(chosen, environments.ready(environments.engine_environment()))
    times, works = [], []
    for _ in range(REPEATS + 1):
        command = chosen.command(SCRIPTS_IN_BLENDER / "startup.py")
        if chosen.program:
            command.insert(1, "--factory-startup")  # the preferences would have enabled it before it can be measured
        answer = subprocess.run(command, capture_output=True, text=True, env=chosen.surroundings(user_folder, {"PYTHONDONTWRITEBYTECODE": ""}))
        lines = [json.loads(line[8:]) for line in answer.stdout.splitlines() if line.startswith("ALIGN4D ")]
        if not lines:
            raise ScriptError(f"Blender ended without a word:\n{answer.stdout}{answer.stderr}")
        times.append(lines[0]["seconds"] * 1000)
        works.append(lines[0]["processor"] * 1000)
    counted = sorted(times[1:])
    say(f"Blender {chosen.version}: {statistics.median(counted):.0f} ms (from {counted[0]:.0f} to {counted[-1]:.0f}); first time {times[0]:.0f} ms")
    worked = sorted(works[1:])
    say(f"of these at work, whatever else the computer did: {statistics.median(worked):.0f} ms (from {worked[0]:.0f} to {worked[-1]:.0f})")
    say(f"brought in: {', '.join(lines[0]['modules'])}")
    return 0
