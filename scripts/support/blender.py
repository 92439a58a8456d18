"""A Blender to run scripts in: PyPI's bpy in an environment of its own, or an installed program."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import environments
from .console import ScriptError, say

SCRIPTS_IN_BLENDER = environments.ROOT / "scripts" / "in_blender"
"""Scripts that run inside Blender: they import bpy, and nothing of the project."""


@dataclasses.dataclass(frozen=True)
class Blender:
    """One Blender.

    Attributes:
        executable: the interpreter that has bpy, or Blender's own program.
        program: whether it is an installed program.
        version: "4.5".
    """

    executable: Path
    program: bool
    version: str

    def command(self, script: Path, arguments: Sequence[str | Path] = ()) -> list[str]:
        """The command line that runs `script` in this Blender without a window; the script finds `arguments` after "--" or as its own."""
        words = [str(argument) for argument in arguments]
        if self.program:
            return [str(self.executable), "--background", "--python-exit-code", "1", "--python", str(script), "--", *words]
        return [str(self.executable), str(script), *words]

    def surroundings(self, user_folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Environment variables for a run that keeps its preferences and extensions in `user_folder`, never in the user's own."""
        return {**os.environ, "BLENDER_USER_RESOURCES": str(user_folder), "PYTHONUNBUFFERED": "1", **(extra or {})}


def from_pypi(version: str | None = None, founder: Path | None = None) -> Blender:
    """PyPI's bpy: Blender `version`, or the newest that fits the running Python. Makes its environment first where it is not there."""
    chosen = version or environments.default_blender()
    return Blender(environments.ready(environments.blender_environment(chosen, founder)), False, chosen)


def everything() -> list[Blender]:
    """Every Blender of PyPI whose Python is on this machine, oldest first; says which are left out."""
    blenders = []
    for version, python in environments.BPY_PYTHON.items():
        founder = environments.find_python(python)
        if founder is None:
            say(f"Blender {version} is left out: its bpy needs Python {python}, which is not on this machine.")
        else:
            blenders.append(from_pypi(version, founder))
    return blenders


def installed(program: str) -> Blender:
    """An installed Blender. Raises ScriptError where the file is none or is older than 4.2."""
    path = Path(program).expanduser()
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScriptError(f"{program} does not run ({error}). Give the path of Blender's program after --blender.") from error
    found = re.search(r"Blender (\d+)\.(\d+)", answer.stdout)
    if not found:
        raise ScriptError(f"{program} does not say that it is Blender. Give the path of Blender's program after --blender.")
    if (int(found[1]), int(found[2])) < (4, 2):
        raise ScriptError(f"{program} is Blender {found[1]}.{found[2]}; Align4D needs Blender 4.2 or newer.")
    return Blender(path.resolve(), True, f"{found[1]}.{found[2]}")


def chosen(program: str | None, version: str | None = None) -> Blender:
    """What a script's `--blender PATH` asks for, or PyPI's bpy without it; `version` as in `from_pypi`."""
    return installed(program) if program else from_pypi(version)
