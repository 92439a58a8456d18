"""The plan of a job as the engine tells it before anything runs: which models, how much memory, what has to be fetched."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import bpy

from ..capture import choices
from ..errors import UserError
from ..runtime import ask, models
from ..runtime.ask import EngineReply
from ..runtime.redraw import redraw

if TYPE_CHECKING:
    from concurrent.futures import Future

_TICK = 0.3

_asked: tuple[tuple[str, ...], Future[EngineReply]] | None = None
"""The last question and its answer."""


def shut_down() -> None:
    """Ends what runs."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if forget in models.on_change:
        models.on_change.remove(forget)
    forget()


def ask_plan(context: bpy.types.Context) -> None:
    """Asks for the plan of what is chosen now, unless it is known or needs none. Raises UserError where there is no engine."""
    global _asked
    wanted = choices.plan_arguments(context)
    if not wanted or (_asked is not None and _asked[0] == wanted):
        return
    if forget not in models.on_change:
        models.on_change.append(forget)
    _asked = wanted, ask.submit(["plan", "--json", *wanted])
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK, persistent=True)


def plan(context: bpy.types.Context) -> EngineReply | None:
    """The plan of what is chosen now; None as long as it is not known. Raises UserError where there cannot be one."""
    if _asked is None or _asked[0] != choices.plan_arguments(context) or not _asked[1].done():
        return None
    return _asked[1].result()


def planning(context: bpy.types.Context) -> bool:
    """Whether that plan is on its way."""
    return _asked is not None and _asked[0] == choices.plan_arguments(context) and not _asked[1].done()


def wait() -> None:
    """Without a window: waits for the answer, whatever it is."""
    with suppress(UserError):
        if _asked is not None:
            _asked[1].result()


def forget() -> None:
    """The plan has to be asked for again."""
    global _asked
    _asked = None


def _tick() -> float | None:
    redraw()
    return _TICK if _asked is not None and not _asked[1].done() else None
