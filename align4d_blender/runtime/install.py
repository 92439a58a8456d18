"""Makes the engine's environment: a virtual environment with the pinned dependencies, there whole or not at all. Standard library only, no bpy.

It is built in a folder of its own, and is an environment from the moment on at which its stamp is written; the one before is deleted
after that. So an interruption at any moment, of whatever kind, leaves one that works where there was one. The engine itself is not in
it: that runs from the extension's folder, so that the two never differ in version.
"""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ...engine.align4d.protocol import replacing
from ..errors import UserError
from .environments import STAMP, finished, interpreter
from .processes import clean_environment, find_program, kill, output_of, start

_INDEX = "https://download.pytorch.org/whl/"
_RAW_PROGRESS = (24, 1)
"""First version of pip that says how far a download is where nobody looks at a terminal."""

_TOOL_LIMIT = 60.0
"""Seconds that a program gets to say what it is."""

_DOWNLOADS_END = 0.75
"""Where the bar stands when everything is downloaded, and the unpacking begins."""


class Plan(NamedTuple):
    """What is to be installed.

    Attributes:
        founder: the interpreter that the environment is made from: Blender's own.
        place: folder of the extension's environments.
        requirements: exact pins, as pip takes them.
        build: build of torch: "cpu", "cu130" (CUDA 13), or "default" where PyPI's own is the one wanted.
        wheels: folder that everything is taken from, without the network; None: pip's own sources.
    """

    founder: Path
    place: Path
    requirements: tuple[str, ...]
    build: str
    wheels: Path | None = None

    @property
    def folder(self) -> Path:
        """Where the environment is made, if nothing is there yet; other pins, another Python or build give another folder."""
        content = "\n".join((*sorted(self.requirements), platform.python_version(), platform.machine(), self.build))
        return self.place / f"environment-{hashlib.sha256(content.encode()).hexdigest()[:10]}"


def fitting_build() -> str:
    """The build of torch that fits this machine. PyPI's own is the CUDA build on Linux, the processor's elsewhere."""
    if sys.platform == "linux":
        return "default" if has_nvidia_gpu() else "cpu"
    return "cu130" if sys.platform == "win32" and has_nvidia_gpu() else "default"


@functools.cache
def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver lists a GPU."""
    tool = find_program("nvidia-smi")
    return tool is not None and "GPU" in output_of([tool, "-L"], tool.parent, _TOOL_LIMIT)


class Installation:
    """One run of the installer, in a thread of its own.

    Attributes:
        state: "running", then "done", "failed" or "cancelled".
        text, fraction: for the bar.
        error: why it failed.
        log: everything that the tools have said.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.state = "running"
        self.text, self.fraction = "Preparing", 0.0
        self.error: UserError | None = None
        self.log = plan.place / "install.log"
        self._building = _free(plan.folder)
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = threading.Event()
        self._progress = _PipProgress()
        self._thread = threading.Thread(target=self._run, name="align4d-install", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Stops it; nothing is left behind."""
        self._cancelled.set()
        process = self._process
        if process:
            kill(process)

    def wait(self) -> None:
        """Waits for the end."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self.plan.place.mkdir(parents=True, exist_ok=True)
            self.log.unlink(missing_ok=True)
            self._build()
            self.state = "done"
        except UserError as error:
            self.error = error
            self.state = "cancelled" if self._cancelled.is_set() else "failed"
        except OSError as error:
            message = f"The engine could not be installed ({error.strerror or error})."
            self.error = UserError("cannot_write", message, "Free some space and try again.")
            self.state = "failed"
        except Exception as error:  # or the bar would wait for ever
            self.error = failure("The installation", repr(error))
            self.state = "failed"
        if self.state != "done":
            shutil.rmtree(self._building, ignore_errors=True)

    def _build(self) -> None:
        _delete_others(self.plan.place, [found.folder for found in finished(self.plan.place)])  # what a killed installation left
        self._call("Making an environment", [self.plan.founder, "-m", "venv", self._building])
        python = interpreter(self._building)
        pip: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        self._call("Downloading", [*pip, *self._raw_progress(python), *self._sources(), *self._requirements()], self._progress)
        self.text, self.fraction = "Finishing", 0.97
        stamp = {"requirements": self.plan.requirements, "build": self.plan.build, "finished": time.time()}
        with replacing(self._building / STAMP, "w") as file:
            json.dump(stamp, file)
        _delete_others(self.plan.place, [self._building])

    def _requirements(self) -> list[str]:
        """The pins; torch by the name of its build, because pip would take another one in silence where PyTorch's index does not answer."""
        tagged = self.plan.wheels is None and self.plan.build in {"cpu", "cu130"}
        return [f"{pin}+{self.plan.build}" if tagged and pin.startswith("torch==") else pin for pin in self.plan.requirements]

    def _sources(self) -> list[str]:
        if self.plan.wheels:
            return ["--no-index", "--find-links", str(self.plan.wheels)]
        return ["--extra-index-url", _INDEX + self.plan.build] if self.plan.build in {"cpu", "cu130"} else []

    def _raw_progress(self, python: Path) -> list[str]:
        found = re.match(r"pip (\d+)\.(\d+)", output_of([python, "-m", "pip", "--version"], self.plan.place, _TOOL_LIMIT))
        return ["--progress-bar", "raw"] if found and (int(found[1]), int(found[2])) >= _RAW_PROGRESS else []

    def _call(self, what: str, command: Sequence[str | Path], progress: _PipProgress | None = None) -> None:
        """Runs a tool; its words go to the log. Raises UserError where it fails or is cancelled."""
        self.text = what
        last = ""
        with open(self.log, "a", encoding="utf-8") as log:
            none, pipe, both = subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT
            process = start(command, self.plan.place, clean_environment(), stdin=none, stdout=pipe, stderr=both)
            self._process = process
            if self._cancelled.is_set():
                kill(process)
            for line in process.stdout or ():
                log.write(line)
                last = line.strip() if "error" in line.lower() or not last else last
                if progress and progress.read(line):
                    self.text, self.fraction = progress.text, progress.fraction
            process.wait()
        if self._cancelled.is_set():
            raise UserError("cancelled", "The installation was cancelled; nothing was left behind.", "")
        if process.returncode:
            raise failure(what, last)


def failure(what: str, last: str) -> UserError:
    """What the artist is told when a tool fails; `last` is its last line about an error."""
    if "Long Path support" in last:  # pip's own words on Windows, where file names end at 260 letters unless that is switched on
        advice = "Switch on long paths in Windows (the manual says how), restart the computer and install again."
        return UserError("long_paths", "Windows does not allow file names as long as the engine's.", advice)
    advice = "Check the network, or choose a folder of wheels; Show Log has the details."
    return UserError("install_failed", f"{what} failed: {last[:300] or 'it said nothing'}.", advice)


class _PipProgress:
    """How far pip is, by what it says: it collects everything first, then downloads, then unpacks."""

    def __init__(self) -> None:
        self.text, self.fraction = "Downloading", 0.02
        self._collected = self._downloaded = 0
        self._part = 0.0

    def read(self, line: str) -> bool:
        """Takes a line; whether it says something new."""
        line = line.strip()
        if line.startswith("Collecting "):
            self._collected += 1
            self.text = f"Looking for {line.split()[1]}"
        elif found := re.match(r"(?:Downloading|Processing|Using cached) (\S+)", line):
            self._downloaded, self._part = self._downloaded + 1, 0.0
            self.text = f"Downloading {Path(found[1]).name.split('-')[0]}"
        elif found := re.match(r"Progress (\d+) of (\d+)", line):
            self._part = int(found[1]) / max(int(found[2]), 1)
        elif line.startswith("Installing collected"):
            self.text, self.fraction = "Unpacking", _DOWNLOADS_END
            return True
        else:
            return False
        done = max(self._downloaded - 1 + self._part, 0.0) / max(self._collected, 1)
        self.fraction = max(self.fraction, min(_DOWNLOADS_END * done, _DOWNLOADS_END))
        return True


def _free(folder: Path) -> Path:
    """The folder, or the first name like it, where nothing is yet."""
    number = 1
    place = folder
    while place.exists():
        number += 1
        place = folder.with_name(f"{folder.name}-{number}")
    return place


def _delete_others(place: Path, kept: Sequence[Path]) -> None:
    """Deletes all environments but these. What is in use stays (on Windows), but is none any more without its stamp."""
    for other in place.glob("environment-*"):
        if other not in kept:
            with suppress(OSError):
                (other / STAMP).unlink(missing_ok=True)
            shutil.rmtree(other, ignore_errors=True)
