"""The engine as the artist sees it in the preferences: installing, repairing, removing, examining; nothing of it blocks the window."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ..errors import UserError
from ..storage import folders
from ..storage.remembered import forget
from . import ask, preferences, running
from .environments import find_installed, pins
from .processes import engine_environment
from .redraw import redraw

if TYPE_CHECKING:
    from concurrent.futures import Future

    from .install import Installation, Plan

_TICK = 0.3
_LIMIT = 600
"""Seconds that an examination may take."""

_NAMES = {"cpu": "processor", "cu130": "NVIDIA (CUDA 13)", "default": "this system"}


class Line(NamedTuple):
    """One line of the doctor's report: a part of the engine, whether it works, whether every job needs it, and the name of what mends it."""

    name: str
    works: bool
    needed: bool
    text: str
    fix: str = ""


class Report(NamedTuple):
    """What an examination has found: the doctor's lines, and bytes on disk by what they are for."""

    lines: tuple[Line, ...]
    disk: dict[str, int]


installation: Installation | None = None
"""The running installation, or the last one."""

_examination: Future[Report] | None = None


def plan() -> Plan:
    """What Install Engine would install."""
    from .install import Plan, fitting_build  # Blender starts sooner without it

    chosen = preferences.get()
    build = fitting_build() if chosen.engine_build == "auto" else chosen.engine_build
    wheels = Path(bpy.path.abspath(chosen.wheels)) if chosen.wheels else None
    wanted = {"masks": chosen.with_masks, "priors": chosen.with_priors, "distributed": chosen.with_ray}
    groups = tuple(name for name, chosen_too in wanted.items() if chosen_too)
    return Plan(Path(sys.executable), preferences.environments(), pins(preferences.PINS, groups), build, wheels)


def build_name(build: str) -> str:
    """A build of torch in an artist's words."""
    return _NAMES[build]


def install(again: bool = False) -> None:
    """Starts the installation; with `again` also where the engine is there. Raises UserError where it may not, or cannot."""
    from .install import Installation

    global installation
    if installing():
        raise UserError("installing", "The engine is being installed already.", "Wait for it, or press Cancel.")
    wanted = plan()
    there = find_installed(wanted.place)
    if there and not again and (there.requirements, there.build) == (wanted.requirements, wanted.build):
        return
    if wanted.wheels is None and not bpy.app.online_access:
        advice = "Allow Online Access in Edit > Preferences > System, or choose a folder of wheels."
        raise UserError("offline", "Blender is not allowed to use the network.", advice, "allow_online")
    if wanted.wheels is not None and not wanted.wheels.is_dir():
        raise UserError("no_wheels", f"There is no folder at {wanted.wheels}.", "Choose the folder that holds the engine's wheels.")
    running.close()  # Windows does not replace files that are in use
    installation = Installation(wanted)
    _watch()


def installing() -> bool:
    """Whether an installation runs."""
    return installation is not None and installation.state == "running"


def remove() -> None:
    """Deletes the engine's environments; jobs and results stay. Raises UserError."""
    import shutil

    global _examination
    if installing():
        raise UserError("installing", "The engine is being installed.", "Press Cancel first.")
    running.close()
    try:
        shutil.rmtree(preferences.environments())
    except OSError as error:
        message = f"The engine could not be deleted ({error.strerror or error})."
        raise UserError("cannot_delete", message, "Close what uses it and try again.") from error
    _examination = None
    forget()


def examine() -> None:
    """Starts the doctor, and measures the disk. Raises UserError where there is no engine."""
    global _examination
    python = preferences.engine_python(preferences.get())
    places = {name: folders.user_folder(name) for name in ("engine", "cache", "jobs")}
    _examination = ask.in_thread(_examine, python, places)
    _watch()


def examining() -> bool:
    """Whether the doctor is at work."""
    return _examination is not None and not _examination.done()


def report() -> Report | None:
    """What the last examination has found. Raises UserError where it could not be made."""
    return _examination.result() if _examination is not None and _examination.done() else None


def _examine(python: Path, places: dict[str, Path]) -> Report:
    """In a thread: a few seconds."""
    command = [str(python), "-m", "align4d", "doctor", "--json", "--folder", str(places["jobs"])]
    variables = engine_environment(preferences.ENGINE_FOLDER, places["cache"])
    try:
        lines = tuple(Line(**line) for line in ask.last_line(command, variables, _LIMIT))
    except (UserError, TypeError) as error:
        lines = (Line("engine", False, True, f"{getattr(error, 'message', error)} Repair it.", "repair_engine"),)
    return Report(lines, {name: _size(folder) for name, folder in places.items()})


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def wait() -> None:
    """Without a window: waits for what runs."""
    if installation:
        installation.wait()
        forget()
    if _examination:
        _examination.result()


def shut_down() -> None:
    """Ends what runs; an installation leaves nothing behind."""
    global installation, _examination
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if installation:
        installation.cancel()
        installation.wait()
        installation = None
    ask.shut_down()
    _examination = None


def _watch() -> None:
    """Redraws while something runs."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK, persistent=True)


def _tick() -> float | None:
    forget()
    redraw()
    if installing() or examining():
        return _TICK
    if installation and installation.state == "done" and _examination is None:
        examine()
        return _TICK
    return None
