"""The engine's models and the plan of a job, as the engine itself tells them: asked in a thread, drawn by the panels from what came back.

The engine's command line answers in JSON (`align4d plan`, `align4d models`); nothing here knows a model.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .. import folders
from ..capture import choices
from ..errors import UserError
from ..jobs import queue as jobs
from . import preferences
from .client import environment
from .processes import kill, own_group

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_TICK = 0.3
_LIMIT = 300
"""Seconds that the engine gets for an answer; the first one compiles."""

Told = dict[str, Any]
"""A JSON object of the engine's."""


@dataclass
class Fetching:
    """A model on its way to this computer.

    Attributes:
        model: its id.
        done, total: bytes.
        error: why it broke off; None while it runs, and where it is complete.
        ended: whether nothing more will come.
        lines: what the engine has said of it and nobody has looked at yet.
    """

    model: str
    process: subprocess.Popen[str]
    done: int = 0
    total: int = 0
    error: UserError | None = None
    ended: bool = False
    lines: queue.SimpleQueue[Told] = field(default_factory=queue.SimpleQueue)


fetching: Fetching | None = None
"""The model that is being fetched, or the last one."""

_plan: tuple[tuple[str, ...], Future[Told]] | None = None
_list: Future[Told] | None = None
_executor: ThreadPoolExecutor | None = None


# -- the plan of a job


def ask_plan(context: bpy.types.Context) -> None:
    """Asks for the plan of what is chosen now, unless it is known or needs none. Raises UserError where there is no engine."""
    global _plan
    wanted = choices.plan_arguments(context)
    if not wanted or (_plan is not None and _plan[0] == wanted):
        return
    _plan = wanted, _submit(["plan", "--json", *wanted])
    _watch()


def plan(context: bpy.types.Context) -> Told | None:
    """The plan of what is chosen now; None as long as it is not known. Raises UserError where there cannot be one."""
    if _plan is None or _plan[0] != choices.plan_arguments(context) or not _plan[1].done():
        return None
    return _plan[1].result()


def planning(context: bpy.types.Context) -> bool:
    """Whether that plan is on its way."""
    return _plan is not None and _plan[0] == choices.plan_arguments(context) and not _plan[1].done()


# -- the models of this computer


def look() -> None:
    """Asks which models there are. Raises UserError where there is no engine."""
    global _list
    _list = _submit(["models", "list", "--json"])
    _watch()


def looking() -> bool:
    """Whether the answer is on its way."""
    return _list is not None and not _list.done()


def known() -> list[Told]:
    """The models that there are, as far as `look` has found out. Raises UserError where it failed."""
    if _list is None or not _list.done():
        return []
    return list(_list.result()["models"])


def change(*arguments: str) -> None:
    """Uses, accepts or removes a model, and looks again. Raises UserError."""
    _submit(["models", *arguments, "--json"]).result()
    _forget_plan()
    look()


def fetch(model: str) -> None:
    """Starts to fetch a model. Raises UserError where the network may not be used, or another one is on its way."""
    global fetching
    if not bpy.app.online_access:
        raise UserError(
            "offline", "Blender is not allowed to use the network.", "Allow Online Access in Edit > Preferences > System.", "allow_online"
        )
    if fetching and not fetching.ended:
        raise UserError("fetching", "Another model is being fetched.", "Wait for it, or press Cancel.")
    command, variables = _command(["models", "fetch", model, "--json", "--yes"])
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8", env=variables, **own_group()
        )
    except OSError as error:
        raise UserError("engine_missing", f"{command[0]} could not be started ({error.strerror or error}).", preferences.ADVICE) from error
    fetching = Fetching(model, process)
    threading.Thread(target=_read, args=(fetching,), name="align4d-fetch", daemon=True).start()
    _watch()


def cancel_fetch() -> None:
    """Stops it; what has come stays, and fetching again goes on there."""
    if fetching and not fetching.ended:
        kill(fetching.process)
        fetching.ended = True


def step() -> bool:
    """Takes in what the engine has said of the fetching. Returns whether something is still to come."""
    if fetching and not fetching.ended:
        while not (fetching.ended or fetching.lines.empty()):
            _take(fetching, fetching.lines.get())
    return looking() or bool(_plan and not _plan[1].done()) or bool(fetching and not fetching.ended)


def wait() -> None:
    """Without a window: waits for what runs."""
    while step():
        threading.Event().wait(0.05)


def shut_down() -> None:
    """Ends what runs."""
    global _executor, _plan, _list, fetching
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    cancel_fetch()
    if _executor:
        _executor.shutdown(wait=True)
        _executor = None
    _plan = _list = fetching = None


def _take(running: Fetching, told: Told) -> None:
    kind = told.get("event")
    if kind == "progress":
        running.done, running.total = int(told["done"]), int(told["total"])
        return
    running.ended = True
    if kind == "failed":
        running.error = UserError.from_dict(told)
    elif kind == "finished":
        _forget_plan()
        look()
    else:
        running.error = UserError("engine_died", "The engine stopped while it fetched the model.", "Fetch it again: it goes on where it was.")


def _forget_plan() -> None:
    """What is on this computer has changed: the plan has to be asked for again."""
    global _plan
    _plan = None


def _read(running: Fetching) -> None:
    """In a thread: every line of the engine, and its end."""
    for line in running.process.stdout or ():
        try:
            running.lines.put(json.loads(line))
        except ValueError:
            continue  # chatter of a library
    running.process.wait()
    running.lines.put({"event": "gone"})


def _submit(arguments: list[str]) -> Future[Told]:
    from concurrent.futures import ThreadPoolExecutor

    global _executor
    command, variables = _command(arguments)
    if _executor is None:
        _executor = ThreadPoolExecutor(1, "align4d-models")
    return _executor.submit(_ask, command, variables)


def _command(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    python = preferences.engine_python(preferences.get())
    return [str(python), "-m", "align4d", *arguments], environment(preferences.ENGINE_FOLDER, folders.user_folder("cache"))


def _ask(command: list[str], variables: dict[str, str]) -> Told:
    """In a thread: one answer. Raises UserError."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=variables, timeout=_LIMIT, **own_group())
        told = json.loads(answer.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError("engine_missing", f"{Path(command[0])} does not answer ({error}).", preferences.ADVICE) from error
    except (IndexError, ValueError) as error:
        last = next((line for line in reversed(answer.stderr.splitlines()) if line.strip()), "it said nothing")
        raise UserError("engine_died", f"The engine does not answer ({last}).", preferences.ADVICE) from error
    if told.get("event") == "failed":
        raise UserError.from_dict(told)
    return dict(told)


def _watch() -> None:
    """Redraws while something runs."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK, persistent=True)


def _tick() -> float | None:
    running = step()
    jobs.redraw()
    return _TICK if running else None
