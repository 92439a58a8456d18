"""Child processes that end together with everything that they have started, on every system. Standard library only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

MODESTY = 10
"""By how much the priority of a modest process is lower (POSIX's niceness): Blender gets nine tenths of a core that both want."""


def own_group(modest: bool = False) -> dict[str, Any]:
    """Arguments of Popen for a process group of its own: Ctrl+C in Blender's terminal does not reach it, and `kill` reaches its children.

    Args:
        modest: whether `be_modest` follows; Windows wants to know it here.
    """
    if sys.platform == "win32":
        priority = subprocess.BELOW_NORMAL_PRIORITY_CLASS if modest else 0
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW | priority}
    return {"start_new_session": True}


def be_modest(process: subprocess.Popen[str]) -> None:
    """Lets a process that has just been started, and all that it will start, compute with what this one leaves of the processor.

    Where Linux shares the processor between sessions first (autogroup), a priority counts within the session only: that of the
    session, which `own_group` has made, is lowered too.
    """
    if sys.platform == "win32":
        return
    with suppress(OSError):  # it has ended, or the system does not want it: then it is as fast as before
        os.setpriority(os.PRIO_PROCESS, process.pid, min(os.getpriority(os.PRIO_PROCESS, 0) + MODESTY, 19))
        Path(f"/proc/{process.pid}/autogroup").write_text(str(MODESTY))


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a process of `own_group` and its children at once."""
    if process.poll() is None:
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def clean_environment() -> dict[str, str]:
    """This process's environment variables without those by which Blender's own Python would reach into another one."""
    unwanted = {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONUSERBASE", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "PYTHONNOUSERSITE": "1"}
