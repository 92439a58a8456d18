"""Child processes of the engine: this Python and this package, and nothing that happens to lie in the folder where somebody works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ENGINE_FOLDER = Path(__file__).resolve().parents[1]


def run_module(module: str, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Runs `python -m MODULE ARGUMENTS` and waits for its end; what it says is in `stdout` and `stderr`.

    Python would look for modules in the working folder first (a json.py there would run), hence -P and a working folder of our own.

    Raises:
        subprocess.TimeoutExpired: after so many seconds; it is killed then.
        OSError: where it cannot be started.
    """
    command = [sys.executable, "-P", "-m", module, *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ENGINE_FOLDER), "PYTHONSAFEPATH": "1"}
    return subprocess.run(
        command,
        cwd=ENGINE_FOLDER,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=seconds,
    )
