"""The cached virtual environments that the scripts work in: the engine's, Blender's and the style tools'.

An environment is named by a hash of its requirements, its Python and its platform, lies in a per-user cache that every
checkout shares, and is there whole or not at all: it is built beside its place and renamed. Standard library only.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from . import pytorch
from .console import ScriptError, run_logged, say

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, which is also the extension's folder."""

BPY_VERSIONS = {"4.2": "4.2.23", "4.5": "4.5.15", "5.0": "5.0.1", "5.1": "5.1.2", "5.2": "5.2.3"}
"""Blender -> the version of PyPI's bpy that stands for it."""

BPY_PYTHON = {"4.2": "3.11", "4.5": "3.11", "5.0": "3.11", "5.1": "3.13", "5.2": "3.13"}
"""Blender -> the one Python that its bpy is built for."""

BPY_NUMPY = {"3.11": "numpy==1.26.4", "3.13": "numpy==2.4.6"}
"""Python -> the numpy beside bpy, near what Blender itself ships for that Python."""


@dataclasses.dataclass(frozen=True)
class Environment:
    """What an environment holds.

    Attributes:
        name: first part of its folder's name.
        founder: the interpreter that it is made from.
        requirements: exact pins, as pip takes them.
        torch: the build of torch that is wanted, see `pytorch.wanted_build`; empty where torch is no requirement.
    """

    name: str
    founder: Path
    requirements: tuple[str, ...]
    torch: str = ""

    @property
    def folder(self) -> Path:
        """Its place in the cache; the same content always has the same place."""
        version = python_version(self.founder)
        content = "\n".join((*sorted(self.requirements), version, platform.system(), platform.machine(), self.torch))
        return cache_folder() / f"{self.name}-py{version}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return interpreter(self.folder)


def cache_folder() -> Path:
    """Where the environments lie: ALIGN4D_ENVIRONMENTS, or `align4d` in the user's own cache folder."""
    if chosen := os.environ.get("ALIGN4D_ENVIRONMENTS"):
        return Path(chosen).expanduser().resolve()
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "align4d" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "align4d"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "align4d"


def interpreter(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def python_version(python: Path) -> str:
    """ "3.11" for a Python 3.11. Raises ScriptError where it does not run."""
    if python == Path(sys.executable):
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    probe = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)
    if probe.returncode:
        raise ScriptError(f"{python} does not run: {probe.stderr.strip()}")
    return probe.stdout.strip()


def project() -> dict[str, Any]:
    """pyproject.toml, parsed."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)


def engine_environment() -> Environment:
    """The engine's dependencies, its tests' and the bench's; never the engine itself, which runs from the checkout or the extension."""
    content = project()
    requirements = (*content["project"]["dependencies"], *content["dependency-groups"]["develop"])
    return Environment("engine", Path(sys.executable), requirements, pytorch.wanted_build())


def style_environment() -> Environment:
    """ruff, mypy, import-linter and the stubs of bpy."""
    return Environment("style", Path(sys.executable), tuple(project()["dependency-groups"]["style"]))


def blender_environment(blender: str, founder: Path | None = None) -> Environment:
    """Blender `blender` ("4.5") as PyPI's bpy, with what its tests need. `founder` must be the Python that it is built for."""
    python = BPY_PYTHON[blender]
    requirements = (f"bpy=={BPY_VERSIONS[blender]}", BPY_NUMPY[python], *project()["dependency-groups"]["blender-tests"])
    return Environment(f"blender-{blender}", founder or Path(sys.executable), requirements)


def pytest_environment() -> Environment:
    """Pure Python packages that an installed Blender borrows for its tests."""
    return Environment("blender-tests", Path(sys.executable), tuple(project()["dependency-groups"]["blender-tests"]))


def library(python: Path) -> Path:
    """The folder of an environment's packages. Raises ScriptError where it cannot be asked."""
    probe = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True)
    if probe.returncode:
        raise ScriptError(f"{python} does not run: {probe.stderr.strip()}")
    return Path(probe.stdout.strip())


def find_python(version: str) -> Path | None:
    """An interpreter of that version on this machine, if there is one."""
    if version == python_version(Path(sys.executable)):
        return Path(sys.executable)
    for command in ([f"python{version}"], ["py", f"-{version}"]):
        try:
            probe = subprocess.run([*command, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True)
        except OSError:
            continue
        if probe.returncode == 0:
            return Path(probe.stdout.strip())
    return None


def default_blender() -> str:
    """The newest Blender whose bpy fits the running Python. Raises ScriptError where there is none."""
    running = python_version(Path(sys.executable))
    fitting = [blender for blender, python in BPY_PYTHON.items() if python == running]
    if not fitting:
        raise ScriptError(
            f"Blender's Python module is made for Python 3.11 and 3.13; this is {running}. "
            "Run the script with python3.11 or python3.13, or name an installed Blender with --blender PATH."
        )
    return fitting[-1]


def ready(environment: Environment) -> Path:
    """The environment's interpreter; makes the environment first where it is not there. Raises ScriptError."""
    folder = environment.folder
    if environment.python.exists():
        return environment.python
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    log = folder.with_name(f"{folder.name}.log")
    log.unlink(missing_ok=True)
    say(f"The environment '{environment.name}' is made once, in {folder}.")
    try:
        run_logged([environment.founder, "-m", "venv", building], "Making a virtual environment", log)
        pip: list[str | Path] = [interpreter(building), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        index = pytorch.index_arguments(environment.torch)
        run_logged([*pip, *index, *environment.requirements], f"Installing {', '.join(environment.requirements)}", log)
        _settle(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return environment.python


def enter_engine() -> None:
    """Goes on in the engine's environment, with the checkout's engine importable: elsewhere runs the same command line there, and exits."""
    python, engine = ready(engine_environment()), str(ROOT / "engine")
    if Path(sys.prefix).resolve() == python.parents[1].resolve():
        if engine not in sys.path:  # started by hand from that environment
            sys.path.insert(0, engine)
            os.environ["PYTHONPATH"] = engine
        return
    try:
        code = subprocess.run([python, *sys.argv], env={**os.environ, "PYTHONPATH": engine}).returncode
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _settle(building: Path, folder: Path) -> None:
    """Gives a finished environment its name; one that another process finished first is as good.

    Windows refuses the renaming while a virus scanner still reads the new files, so it is tried for a while.
    """
    for _ in range(20):
        try:
            os.rename(building, folder)
            return
        except OSError:
            if interpreter(folder).exists():
                return
            time.sleep(0.5)
    advice = "Close what uses it, or set ALIGN4D_ENVIRONMENTS to another folder, and run again."
    raise ScriptError(f"{building} could not be renamed to {folder}. {advice}")
