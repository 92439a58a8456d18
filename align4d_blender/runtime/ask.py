"""Questions to the engine's command line, which answers in JSON: asked in a thread, so that no button holds the window."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import UserError
from ..storage import folders
from . import preferences
from .processes import engine_environment, kill, start

if TYPE_CHECKING:
    import subprocess
    from concurrent.futures import Future, ThreadPoolExecutor

_LIMIT = 300
"""Seconds that the engine gets for an answer; the first one compiles."""

_THREADS = 2
"""An examination takes long; a question does not wait for it."""

EngineReply = dict[str, Any]
"""A JSON object of the engine's."""

_Result = TypeVar("_Result")
_executor: ThreadPoolExecutor | None = None
_asked: set[subprocess.Popen[str]] = set()
"""The processes that have not answered yet."""

_leaving = threading.Event()
"""While it is set, what is being asked is ended."""


def command(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """Program with arguments, and environment variables, of the engine's command line. Raises UserError where there is no engine."""
    python = preferences.engine_python(preferences.get())
    return [str(python), "-m", "align4d", *arguments], engine_environment(preferences.ENGINE_FOLDER, folders.user_folder("cache"))


def submit(arguments: list[str]) -> Future[EngineReply]:
    """Asks in a thread. Raises UserError where there is no engine; what goes wrong later is the future's."""
    return in_thread(ask, *command(arguments))


def in_thread(function: Callable[..., _Result], *arguments: object) -> Future[_Result]:
    """Runs what waits for the engine."""
    from concurrent.futures import ThreadPoolExecutor

    global _executor
    if _executor is None:
        _executor = ThreadPoolExecutor(_THREADS, "align4d-ask")
    return _executor.submit(function, *arguments)


def ask(words: list[str], variables: dict[str, str]) -> EngineReply:
    """In a thread: one answer. Raises UserError, also for an answer that says what failed."""
    reply = dict(last_line(words, variables, _LIMIT))
    if reply.get("event") == "failed":
        raise UserError.from_dict(reply)
    return reply


def last_line(words: list[str], variables: dict[str, str], limit: float) -> Any:
    """In a thread: runs a program for at most `limit` seconds, and reads the JSON in its last line. Raises UserError."""
    import subprocess  # Blender starts sooner without it

    try:
        process = start(words, preferences.ENGINE_FOLDER, variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise _missing(words, str(error)) from error
    _asked.add(process)
    if _leaving.is_set():
        kill(process)
    try:
        answer, chatter = process.communicate(timeout=limit)
        return json.loads(answer.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        kill(process)
        raise _missing(words, str(error)) from error
    except (IndexError, ValueError) as error:
        said = next((line for line in reversed(chatter.splitlines()) if line.strip()), "it said nothing")
        raise UserError("engine_died", f"The engine does not answer ({said}).", preferences.ADVICE, "show_preferences") from error
    finally:
        _asked.discard(process)


def _missing(words: list[str], reason: str) -> UserError:
    return UserError("engine_missing", f"{Path(words[0])} does not answer ({reason}).", preferences.ADVICE, "show_preferences")


def shut_down() -> None:
    """Ends what was asked: nobody waits for the answer any more."""
    global _executor
    if _executor is None:
        return
    _executor.shutdown(wait=False, cancel_futures=True)
    _leaving.set()
    for process in list(_asked):
        kill(process)
    _executor.shutdown(wait=True)
    _leaving.clear()
    _executor = None
