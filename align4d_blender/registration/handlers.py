"""Everything that Blender calls by itself: around saving, loading and undo, at another frame, and the command without a window.

Each imports what it needs when it is called, as buttons and panels do: Blender starts sooner so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import bpy

from ..storage import paths

if TYPE_CHECKING:
    from ..storage.paths import StoredPath

_LOOK_AFTER = 0.5
"""Seconds after the extension was enabled: while Blender starts, extensions cannot see the file yet."""

_commands: list[Any] = []


def attach() -> None:
    """Starts to be called; the handlers outlive loading another file."""
    for place, handler in _HANDLERS:
        getattr(bpy.app.handlers, place).append(bpy.app.handlers.persistent(handler))
    paths.sources.append(_gaussian_paths)
    _commands.append(bpy.utils.register_cli_command("align4d", _run_command))
    if not bpy.app.background:
        bpy.app.timers.register(_look_for_jobs, first_interval=_LOOK_AFTER, persistent=True)


def detach() -> None:
    """Stops it."""
    if bpy.app.timers.is_registered(_look_for_jobs):
        bpy.app.timers.unregister(_look_for_jobs)
    bpy.utils.unregister_cli_command(_commands.pop())
    paths.sources.remove(_gaussian_paths)
    for place, handler in _HANDLERS:
        getattr(bpy.app.handlers, place).remove(handler)


def shut_down() -> None:
    """Ends everything that runs: timers, threads, programs."""
    from ..capture import clip_check, clip_report, first_frame_match, under_way
    from ..jobs import plan, queue
    from ..runtime import models, setup

    setup.shut_down()
    models.shut_down()
    plan.shut_down()
    clip_check.clear()
    clip_report.question.shut_down()
    first_frame_match.shut_down()
    under_way.abandon()
    queue.shut_down()


def _break_off(*_: object) -> None:
    """What is being read must not change meanwhile, and what lies in the file for that moment must not be saved."""
    from ..capture import under_way

    under_way.abandon()


def _mark_copies(*_: object) -> None:
    from ..result.playback import mark_copies

    mark_copies()


def _before_save(blend: str, *_: object) -> None:
    from ..storage import saving

    saving.before(blend)


def _after_save(blend: str, *_: object) -> None:
    from ..storage import saving

    saving.after(blend)


def _move_jobs(*_: object) -> None:
    """The file has a place, or another one: its jobs belong there from now on."""
    from ..jobs import recovery

    recovery.saved()


def _save_failed(*_: object) -> None:
    from ..storage import saving

    saving.failed()


def _open_paths(*_: object) -> None:
    """Another file is open, as in the next two."""
    from ..storage import saving

    saving.opened()


def _open_frame_rates(*_: object) -> None:
    from ..result import frame_rate

    frame_rate.look()


def _open_jobs(*_: object) -> None:
    from ..jobs import recovery

    recovery.opened()


def _bring_back(*_: object) -> None:
    """What was removed is there again, or the other way round."""
    from ..storage import saving

    saving.bring_back()


def _follow_frame_rate(scene: bpy.types.Scene, *_: object) -> None:
    from ..result import frame_rate

    frame_rate.follow(scene)


def _repaint(*_: object) -> None:
    """Another frame is shown."""
    from ..result import certainty

    certainty.repaint()


def _look_for_jobs() -> None:
    from ..jobs import recovery

    recovery.look()


def _gaussian_paths() -> Iterator[StoredPath]:
    from ..gaussians.paths import stored

    return stored()


def _run_command(arguments: list[str]) -> int:
    from ..scripting import command_line

    return command_line.main(arguments)


_HANDLERS = (
    ("load_pre", _break_off),
    ("save_pre", _break_off),
    ("undo_pre", _break_off),
    ("redo_pre", _break_off),
    ("save_pre", _mark_copies),
    ("save_pre", _before_save),
    ("save_post", _after_save),
    ("save_post", _move_jobs),
    ("save_post_fail", _save_failed),
    ("load_post", _open_paths),
    ("load_post", _open_frame_rates),
    ("load_post", _open_jobs),
    ("undo_post", _bring_back),
    ("redo_post", _bring_back),
    ("depsgraph_update_post", _follow_frame_rate),
    ("frame_change_post", _repaint),
)
