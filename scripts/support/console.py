"""Plain words on the terminal: what is being done, and how long it has taken so far."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class ScriptError(Exception):
    """Something that the person at the terminal can act on; the text says what to do."""


def say(text: str) -> None:
    """Prints a line at once, also where the output is a pipe."""
    print(text, flush=True)


def headline(docstring: str | None) -> str:
    """The first line of a module's docstring, for --help."""
    return (docstring or "").split("\n", 1)[0]


def exit_with(main: Callable[[], int]) -> None:
    """Runs a script's `main` and exits with what it returns; a ScriptError becomes its sentence, not a traceback."""
    try:
        sys.exit(main())
    except ScriptError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped.")


def run_logged(command: Sequence[str | Path], what: str, log: Path, environment: Mapping[str, str] | None = None) -> None:
    """Runs a command with its output in `log`, showing `what` and the seconds on a terminal.

    Raises ScriptError with the end of the log when it fails.
    """
    started = time.monotonic()
    say(f"{what} …")
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as output:
        words = [str(part) for part in command]
        process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment)
        try:
            _wait(process, started)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
        raise ScriptError(f"{tail}\n\n{what}: failed with exit code {process.returncode}. The whole log is in {log}.")
    say(f"{what}: done in {time.monotonic() - started:.0f} s")


def _wait(process: subprocess.Popen[bytes], started: float) -> None:
    """Waits for the end, counting the seconds on a terminal."""
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)
        if sys.stdout.isatty():
            print(f"\r  {time.monotonic() - started:4.0f} s ", end="", flush=True)
    if sys.stdout.isatty():
        print("\r", end="")
