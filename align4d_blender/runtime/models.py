"""The engine's models, as the engine itself tells of them: asked in a thread, drawn by the panels from what came back.

The engine's command line answers in JSON (`align4d models`); nothing here knows a model.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..errors import UserError
from . import ask, preferences
from .ask import EngineReply
from .processes import kill, start
from .redraw import redraw

if TYPE_CHECKING:
    import subprocess
    from concurrent.futures import Future

_TICK = 0.3

PRIOR = "multiview_prior"
"""The engine's role of models that can be chosen for the preset Paper."""


@dataclass
class Download:
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
    lines: deque[EngineReply] = field(default_factory=deque)


fetching: Download | None = None
"""The model that is being fetched, or the last one."""

refused: UserError | None = None
"""Why the last change of the models was not made; None where it was."""

on_change: list[Callable[[], None]] = []
"""Called on the main thread when another model is there, or one is gone."""

_list: Future[EngineReply] | None = None
_asked = Path()
"""The engine that the list is of."""
_change: Future[EngineReply] | None = None


def look() -> None:
    """Asks which models there are. Raises UserError where there is no engine."""
    global _list, _asked
    _list = ask.submit(["models", "list", "--json"])
    _asked = preferences.engine_python(preferences.get())
    watch()


def looking() -> bool:
    """Whether an answer is on its way."""
    return any(one is not None and not one.done() for one in (_list, _change))


def outdated() -> bool:
    """Whether nobody has looked yet, or another engine has been installed since. Raises UserError where there is no engine."""
    return _list is None or _asked != preferences.engine_python(preferences.get())


def can_cut_out() -> bool | None:
    """Whether the engine can run the models for masks; None as long as that is not known. Raises UserError where `look` failed."""
    return bool(_list.result()["masks_installed"]) if _list is not None and _list.done() else None


def known() -> list[EngineReply]:
    """The models that there are, as far as `look` has found out. Raises UserError where it failed."""
    if _list is None or not _list.done():
        return []
    return list(_list.result()["models"])


def change(*arguments: str) -> None:
    """Uses, accepts or removes a model, then looks again; `refused` says where the engine did not. Raises UserError where there is no engine."""
    global _change, refused
    if _change is not None:
        raise UserError("changing", "Another model is being changed.", "Wait for it.")
    refused = None
    _change = ask.submit(["models", *arguments, "--json"])
    watch()


def fetch(model: str) -> None:
    """Starts to fetch a model. Raises UserError where the network may not be used, or another one is on its way."""
    import subprocess  # Blender starts sooner without it

    global fetching
    if not bpy.app.online_access:
        raise UserError(
            "offline", "Blender is not allowed to use the network.", "Allow Online Access in Edit > Preferences > System.", "allow_online"
        )
    if fetching and not fetching.ended:
        raise UserError("fetching", "Another model is being fetched.", "Wait for it, or press Cancel.")
    words, variables = ask.command(["models", "fetch", model, "--json", "--yes"])
    try:
        process = start(words, preferences.ENGINE_FOLDER, variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise UserError(
            "engine_missing", f"{words[0]} could not be started ({error.strerror or error}).", preferences.ADVICE, "show_preferences"
        ) from error
    fetching = Download(model, process)
    threading.Thread(target=_read, args=(fetching,), name="align4d-fetch", daemon=True).start()
    watch()


def cancel_fetch() -> None:
    """Stops it; what has come stays, and fetching again goes on there."""
    if fetching and not fetching.ended:
        kill(fetching.process)
        fetching.ended = True


def step() -> bool:
    """Takes in what the engine has said. Returns whether something is still to come."""
    if fetching and not fetching.ended:
        while fetching.lines and not fetching.ended:
            _take(fetching, fetching.lines.popleft())
    if _change is not None and _change.done():
        _end_change(_change)
    return looking() or bool(fetching and not fetching.ended)


def wait() -> None:
    """Without a window: waits for what runs."""
    while step():
        threading.Event().wait(0.05)


def shut_down() -> None:
    """Ends what runs."""
    global _list, _change, fetching, refused
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    cancel_fetch()
    ask.shut_down()
    _list = _change = fetching = refused = None


def _end_change(answered: Future[EngineReply]) -> None:
    global _change, refused
    _change = None
    try:
        answered.result()
    except UserError as error:
        refused = error
        return
    _changed()


def _changed() -> None:
    """What is on this computer is not what it was."""
    for listener in on_change:
        listener()
    look()


def _take(running: Download, reply: EngineReply) -> None:
    kind = reply.get("event")
    if kind == "progress":
        running.done, running.total = int(reply["done"]), int(reply["total"])
        return
    running.ended = True
    if kind == "failed":
        running.error = UserError.from_dict(reply)
    elif kind == "finished":
        _changed()
    else:
        advice = "Fetch it again: it goes on where it was."
        running.error = UserError("engine_died", "The engine stopped while it fetched the model.", advice, f"fetch_model:{running.model}")


def _read(running: Download) -> None:
    """In a thread: every line of the engine, and its end."""
    for line in running.process.stdout or ():
        try:
            running.lines.append(json.loads(line))
        except ValueError:
            continue  # chatter of a library
    running.process.wait()
    running.lines.append({"event": "gone"})


def watch() -> None:
    """Redraws while something runs."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK, persistent=True)


def _tick() -> float | None:
    running = step()
    redraw()
    return _TICK if running else None
