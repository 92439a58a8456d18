"""Child processes of the engine: programs by their whole path, deaf to what lies in the folder where somebody works. Standard library only."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ENGINE_FOLDER = Path(__file__).resolve().parents[1]


def run_module(module: str, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Runs `python -m MODULE ARGUMENTS` of this Python and this package, see `run_program`.

    Python would look for modules in the working folder first (a json.py there would run), hence -P.
    """
    words = [sys.executable, "-P", "-m", module, *arguments]
    return run_program(words, ENGINE_FOLDER, seconds, {"PYTHONPATH": str(ENGINE_FOLDER)})


def run_program(
    words: Sequence[str | Path], folder: Path, seconds: float, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program and waits for its end; what it says is in `stdout` and `stderr`.

    Args:
        words: the program by its whole path, and its arguments.
        folder: of ours, that it works in.
        variables: of its environment, beside this process's own.

    Raises:
        subprocess.TimeoutExpired: after so many seconds; it is killed then.
        OSError: where it cannot be started.
    """
    if not Path(words[0]).is_absolute():
        raise FileNotFoundError(errno.ENOENT, "not the whole path of a program", str(words[0]))
    return subprocess.run(
        list(map(str, words)),
        cwd=folder,
        env={**os.environ, **(variables or {}), "PYTHONSAFEPATH": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=seconds,
    )


def find_program(name: str) -> Path | None:
    """The whole path of a program in the folders of PATH, and in these alone: `shutil.which` looks in the working folder first on Windows."""
    file = f"{name}.exe" if sys.platform == "win32" else name
    candidates = (Path(place, file) for place in os.get_exec_path())
    return next((path for path in candidates if path.is_absolute() and path.is_file() and os.access(path, os.X_OK)), None)
