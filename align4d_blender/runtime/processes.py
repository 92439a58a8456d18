"""Child processes that end together with everything that they have started, on every system. Standard library only."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

MODESTY = 10
"""By how much the priority of a modest process is lower (POSIX's niceness): Blender gets nine tenths of a core that both want."""


def start(words: Sequence[str | Path], folder: Path, variables: dict[str, str], *, modest: bool = False, **streams: Any) -> subprocess.Popen[str]:
    """Starts a program in a process group of its own: Ctrl+C in Blender's terminal does not reach it, and `kill` reaches its children.

    Every program is started here, and in a folder of ours: Blender's own working folder may be one that somebody else filled, and Python
    and Windows look there first for what to run.

    Args:
        words: the program by its whole path, and its arguments.
        folder: that it works in.
        variables: its environment, `clean_environment` or more.
        modest: whether Blender comes first where both want the processor.
        streams: stdin, stdout, stderr and bufsize as for Popen; text is UTF-8.

    Raises OSError where it cannot be started.
    """
    import subprocess  # Blender starts sooner without it

    if not Path(words[0]).is_absolute():
        raise FileNotFoundError(errno.ENOENT, "not the whole path of a program", str(words[0]))
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        priority = subprocess.BELOW_NORMAL_PRIORITY_CLASS if modest else 0
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW | priority}
    process = subprocess.Popen([str(word) for word in words], cwd=folder, env=variables, encoding="utf-8", errors="replace", **group, **streams)
    if modest:
        _be_modest(process)
    return process


def output_of(words: Sequence[str | Path], folder: Path, limit: float) -> str:
    """What a program says on stdout; "" where it fails, cannot be started, or takes more than `limit` seconds."""
    import subprocess

    try:
        process = start(words, folder, clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    try:
        said, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        kill(process)
        return ""
    return "" if process.returncode else said


def find_program(name: str) -> Path | None:
    """The whole path of a program in the folders of PATH, and in these alone: `shutil.which` looks in the working folder first on Windows."""
    file = f"{name}.exe" if sys.platform == "win32" else name
    candidates = (Path(place, file) for place in os.get_exec_path())
    return next((path for path in candidates if path.is_absolute() and path.is_file() and os.access(path, os.X_OK)), None)


def _be_modest(process: subprocess.Popen[str]) -> None:
    """Lets a process that has just been started, and all that it will start, compute with what this one leaves of the processor.

    Where Linux shares the processor between sessions first (autogroup), a priority counts within the session only: that of the
    session, which `start` has made, is lowered too.
    """
    if sys.platform == "win32":
        return
    with suppress(OSError):  # it has ended, or the system does not want it: then it is as fast as before
        os.setpriority(os.PRIO_PROCESS, process.pid, min(os.getpriority(os.PRIO_PROCESS, 0) + MODESTY, 19))
        Path(f"/proc/{process.pid}/autogroup").write_text(str(MODESTY))


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a process of `start` and its children at once."""
    import signal
    import subprocess

    if process.poll() is None:
        if sys.platform == "win32":
            taskkill = Path(os.environ.get("SYSTEMROOT", "C:/Windows"), "System32", "taskkill.exe")
            subprocess.run([taskkill, "/F", "/T", "/PID", str(process.pid)], cwd=taskkill.parent, capture_output=True, check=False)
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def clean_environment() -> dict[str, str]:
    """This process's environment variables without those by which Blender's own Python would reach into another one."""
    unwanted = {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONUSERBASE", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "PYTHONNOUSERSITE": "1", "PYTHONSAFEPATH": "1"}


def engine_environment(engine_folder: Path, cache: Path) -> dict[str, str]:
    """The engine's environment variables: this extension's engine, nothing of Blender's own Python, nothing written into the extension."""
    return clean_environment() | {
        "PYTHONPATH": str(engine_folder),
        "PYTHONPYCACHEPREFIX": str(cache / "python"),
        "NUMBA_CACHE_DIR": str(cache / "numba"),
    }
