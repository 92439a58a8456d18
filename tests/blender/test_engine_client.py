"""The conversation with the engine process: no bpy is involved."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Event = dict[str, object]
FAKE = [sys.executable, str(Path(__file__).with_name("fake_engine.py"))]


@pytest.fixture
def start(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Starts a client in the given mode of the fake engine."""
    module = blender.align4d_blender.runtime.client
    clients = []

    def make(mode: str, command: list[str] = FAKE, modest: bool = False) -> object:
        monkeypatch.setenv("FAKE_ENGINE", mode)
        clients.append(module.EngineClient(command, blender.align4d_blender.runtime.preferences.ENGINE_FOLDER, tmp_path / "cache", modest))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def poll_until(client: object, kind: str, seconds: float = 60) -> Event:
    """The first event of a kind."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for event in client.poll():
            if event["event"] == kind:
                return event
        time.sleep(0.01)
    raise AssertionError(f"no {kind} in {seconds} s")


def test_hello(start: Callable[..., object]) -> None:
    client = start("move")
    assert poll_until(client, "hello")["pid"]
    assert client.alive


@pytest.mark.skipif(sys.platform == "win32", reason="there the priority is a flag of the start, see the next test")
@pytest.mark.parametrize("modest", [True, False])
def test_a_modest_engine_comes_after_blender(start: Callable[..., object], blender: ModuleType, modest: bool) -> None:
    client = start("move", modest=modest)
    process = poll_until(client, "hello")["pid"]
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, process) == (min(own + blender.align4d_blender.runtime.processes.MODESTY, 19) if modest else own)


def test_a_modest_engine_on_windows(blender: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = blender.align4d_blender.runtime.processes
    monkeypatch.setattr(processes.sys, "platform", "win32")
    for name, value in (("CREATE_NEW_PROCESS_GROUP", 0x200), ("CREATE_NO_WINDOW", 0x8000000), ("BELOW_NORMAL_PRIORITY_CLASS", 0x4000)):
        monkeypatch.setattr(subprocess, name, value, raising=False)
    flags: list[int] = []
    monkeypatch.setattr(subprocess, "Popen", lambda words, *, creationflags, **options: flags.append(creationflags))
    for modest in (True, False):
        processes.start([sys.executable], Path(), {}, modest=modest)
    assert flags == [0x8004200, 0x8000200]


def test_close_ends_the_process(start: Callable[..., object]) -> None:
    client = start("move")
    poll_until(client, "hello")
    client.close()
    assert not client.alive
    client.close()  # once more does no harm


def test_stubborn_engine_is_killed(start: Callable[..., object]) -> None:
    client = start("move", [sys.executable, "-c", "import time; time.sleep(60)"])
    began = time.monotonic()
    client.cancel("job")
    assert poll_until(client, "cancelled")["job"] == "job"
    assert 0 < time.monotonic() - began < 4 and not client.alive


def test_crash_is_told_once_with_the_last_words(start: Callable[..., object]) -> None:
    client = start("move", [sys.executable, "-c", "import sys; print('torch is missing', file=sys.stderr); sys.exit(7)"])
    event = poll_until(client, "failed")
    assert event["code"] == "engine_died" and "exit code 7 (torch is missing)" in str(event["message"])
    assert client.poll() == []


def test_what_the_engine_was_doing_is_not_why_it_stopped(start: Callable[..., object]) -> None:
    code = "import sys; print('torch is missing\\nINFO align4d.job.reporting: stage tracking (5 of 7)', file=sys.stderr); sys.exit(7)"
    assert "exit code 7 (torch is missing)" in str(poll_until(start("move", [sys.executable, "-c", code]), "failed")["message"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends no process by a signal")
def test_an_engine_that_the_system_ends_may_have_had_no_memory_left(start: Callable[..., object]) -> None:
    code = "import os, sys; print('INFO tracking', file=sys.stderr, flush=True); os.kill(os.getpid(), 9)"
    event = poll_until(start("move", [sys.executable, "-c", code]), "failed")
    assert event["message"] == "The system ended the engine, as it does where memory runs out."
    assert "Press Resume" in str(event["advice"]) and "close what else needs memory" in str(event["advice"])


def test_other_version_is_refused(start: Callable[..., object]) -> None:
    client = start("future")
    event = poll_until(client, "failed")
    assert event["code"] == "protocol_version" and "Update the Align4D extension" in str(event["advice"])
    assert not client.alive


def test_missing_program(start: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        start("move", [str(tmp_path / "nowhere")])


def test_the_engine_is_this_extensions(start: Callable[..., object], blender: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", os.sep)
    code = "import align4d, sys; print(align4d.__file__, sys.flags.utf8_mode, file=sys.stderr); sys.exit(1)"
    message = str(poll_until(start("move", [sys.executable, "-c", code]), "failed")["message"])
    assert str(blender.align4d_blender.runtime.preferences.ENGINE_FOLDER) in message and " 1)" in message
