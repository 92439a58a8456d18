"""The engine process as Blender sees it: lines in, lines out, and how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pretend_pipeline
import pytest
from builders import Job
from engine_process import Engine

from align4d import protocol, server


@pytest.fixture
def start() -> Iterator[Callable[..., Engine]]:
    """Starts engines and leaves none behind."""
    engines: list[Engine] = []

    def start_one(*arguments: str) -> Engine:
        engines.append(Engine(*arguments))
        assert engines[-1].next()["event"] == "hello"
        return engines[-1]

    yield start_one
    for engine in engines:
        engine.process.kill()
        engine.process.wait()
        for pipe in (engine.process.stdin, engine.process.stdout, engine.process.stderr):
            with contextlib.suppress(OSError):
                pipe.close() if pipe else None


@pytest.fixture
def folder(job: Job) -> Path:
    """A job folder that the pretend pipeline accepts."""
    job.write()
    return job.folder


def act(folder: Path, name: str) -> str:
    """Tells the pretend pipeline what to do; returns the folder as a command names it."""
    (folder / "act").write_text(name)
    return str(folder)


def test_a_job_runs_from_accepted_to_finished(start: Callable[..., Engine], folder: Path) -> None:
    engine = start()
    for _ in range(2):  # an engine is used more than once
        engine.command("generate", job_folder=str(folder))
        events = engine.until("finished", "failed")
        names = [event["event"] for event in events]
        assert names[0] == "accepted" and names[-1] == "finished" and names.count("stage") == 2
        assert {event["job"] for event in events} == {"job-1"}
        for event in events:
            assert set(protocol.EVENTS[event["event"]]) <= set(event)
        assert (folder / events[-1]["result"]).is_file()
    engine.command("quit")
    assert engine.ended() == 0


def test_what_libraries_print_never_reaches_the_conversation(start: Callable[..., Engine], folder: Path) -> None:
    engine = start()
    engine.command("generate", job_folder=act(folder, "chatter"))
    engine.until("finished")  # every line was an event
    engine.command("quit")
    engine.ended()
    assert sum("a library prints" in line for line in engine.chatter) == 2


def test_cancel_is_answered_at_once_and_the_job_can_go_on(start: Callable[..., Engine], folder: Path) -> None:
    engine = start()
    engine.command("generate", job_folder=act(folder, "long"))
    engine.until("progress")
    asked = time.monotonic()
    engine.command("cancel", job="job-1")
    assert engine.until("cancelled", "finished")[-1]["event"] == "cancelled"
    assert time.monotonic() - asked < 2
    assert (folder / "checkpoint").exists()
    engine.command("cancel", job="job-1")  # late: must not stop the same job when it is started again
    engine.command("generate", job_folder=act(folder, ""))
    assert engine.until("cancelled", "finished")[-1]["event"] == "finished"


def test_a_job_that_waits_can_be_cancelled(start: Callable[..., Engine], tmp_path: Path) -> None:
    engine = start()
    first, second = Job(tmp_path / "a"), Job(tmp_path / "b")
    for item in (first, second):
        item.folder.mkdir()
    first.write()
    request = protocol.Request("job-2", (), protocol.VideoSpec(), first.request().camera)
    protocol.write_json(second.folder / "request.json", request)
    engine.command("generate", job_folder=act(first.folder, "long"))
    engine.command("generate", job_folder=act(second.folder, "long"))
    engine.until("progress")
    engine.command("cancel", job="job-2")
    engine.command("cancel", job="job-1")
    assert engine.until("cancelled")[-1]["job"] == "job-1"
    events = engine.until("cancelled", "finished")
    assert events[-1] == events[-1] | {"event": "cancelled", "job": "job-2"}
    assert "progress" not in {event["event"] for event in events}


def test_closing_stdin_writes_the_checkpoint_and_leaves(start: Callable[..., Engine], folder: Path) -> None:
    engine = start()
    engine.command("generate", job_folder=act(folder, "long"))
    engine.until("progress")
    assert engine.process.stdin is not None
    engine.process.stdin.close()
    assert engine.ended() == 0
    assert (folder / "checkpoint").exists()


class Deaf(io.StringIO):
    """A pipe whose other end closes with the first progress."""

    def write(self, text: str) -> int:
        if "progress" in text:
            raise BrokenPipeError
        return super().write(text)


def test_a_blender_that_no_longer_listens_is_noticed(folder: Path) -> None:
    reader, writer = os.pipe()  # stays open: only the events' side is broken
    act(folder, "long")
    with open(writer, "wb", buffering=0) as commands, open(reader, "rb", buffering=0) as stdin:
        commands.write(protocol.encode({"command": "generate", "job_folder": str(folder)}).encode())
        began = time.monotonic()
        server.serve(pretend_pipeline.run, stdin, Deaf())
        assert time.monotonic() - began < 5
        assert (folder / "checkpoint").exists()
        commands.close()  # lets the thread that reads end


def test_a_gpu_has_the_memory_back_that_nothing_lies_in_once_a_job_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages, told = io.StringIO(), []

    def emptied() -> None:
        told.append(protocol.decode(messages.getvalue().splitlines()[-1].encode())["event"])
        commands.close()  # lets the server leave

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: True, empty_cache=emptied)))
    reader, writer = os.pipe()
    with open(writer, "wb", buffering=0) as commands, open(reader, "rb", buffering=0) as stdin:
        commands.write(protocol.encode({"command": "generate", "job_folder": act(folder, "refuse")}).encode())
        server.serve(pretend_pipeline.run, stdin, messages, idle=5)
    assert told == ["failed"]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+Break has a test of its own there")
def test_an_interrupt_writes_the_checkpoint_and_leaves(start: Callable[..., Engine], folder: Path) -> None:
    engine = start()
    engine.command("generate", job_folder=act(folder, "long"))
    engine.until("progress")
    engine.process.send_signal(signal.SIGINT)
    assert engine.ended() == 0
    assert (folder / "checkpoint").exists()


@pytest.mark.skipif(sys.platform != "win32", reason="Windows only")
def test_ctrl_break_writes_the_checkpoint_and_leaves(start: Callable[..., Engine], folder: Path) -> None:
    engine = start()
    engine.command("generate", job_folder=act(folder, "long"))
    engine.until("progress")
    engine.process.send_signal(signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined,unused-ignore]
    assert engine.ended() == 0
    assert (folder / "checkpoint").exists()


def test_an_idle_engine_leaves_by_itself(start: Callable[..., Engine]) -> None:
    assert start("--idle", "1").ended() == 0


@pytest.mark.parametrize(("what", "code"), [("refuse", "video_empty"), ("full", "disk_full"), ("memory", "out_of_memory"), ("bug", "internal")])
def test_failures_reach_the_artist_in_words(start: Callable[..., Engine], folder: Path, what: str, code: str) -> None:
    engine = start()
    engine.command("generate", job_folder=act(folder, what))
    failed = engine.until("failed", "finished")[-1]
    assert failed["event"] == "failed" and failed["code"] == code and failed["job"] == "job-1"
    assert failed["message"].endswith(".") and failed["advice"].endswith(".") and "Traceback" not in failed["message"]
    assert failed["fix"] == {"full": "show_jobs", "memory": "use_draft", "bug": "open_log"}.get(what, "")
    if what == "bug":
        assert "Traceback" in (folder / "log.txt").read_text(encoding="utf-8")
    engine.command("generate", job_folder=act(folder, ""))  # it goes on living
    assert engine.until("finished", "failed")[-1]["event"] == "finished"


def test_messages_that_are_none_are_answered_and_survived(start: Callable[..., Engine], folder: Path) -> None:
    engine = start()
    for line in ("nonsense\n", "[1, 2]\n", '{"protocol": 999, "command": "generate"}\n', protocol.encode({"command": "dance"}), "\xff\n"):
        engine.write(line)
        failed = engine.next()
        assert failed["event"] == "failed" and failed["code"] == "protocol" and failed["advice"]
    engine.command("generate", job_folder=str(folder), unknown="ignored")
    assert engine.until("finished", "failed")[-1]["event"] == "finished"


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 30_000,
        b'{"protocol": 1, "command": "generate", "job_folder": "' + b"x" * 3_000_000 + b'"}',
        b'{"protocol": ' + b"1" * 20_000 + b"}",
        b"\xff\xfe",
        b'{"protocol": 1, "command": "generate", "job_folder": "a\\u0000b"}',
        b'{"protocol": 1, "command": "generate", "job_folder": "\\ud800"}',
        b'{"protocol": 1, "command": "\\udcff"}',
        b'{"protocol": 1, "command": "generate", "job_folder": ["a"]}',
        b'{"protocol": 1, "command": {"deep": 1}}',
        b'{"protocol": 1}',
    ],
    ids=["deep list", "deep object", "long", "long number", "no UTF-8", "NUL", "half a letter", "odd command", "list", "object", "nothing"],
)
def test_whatever_a_line_holds_the_next_one_is_heard(start: Callable[..., Engine], folder: Path, line: bytes) -> None:
    engine = start()
    assert engine.process.stdin is not None
    engine.process.stdin.write(line + b"\n")
    engine.process.stdin.flush()
    failed = engine.next()
    assert failed["event"] == "failed" and failed["message"] and failed["advice"]
    engine.command("generate", job_folder=act(folder, "long"))
    engine.until("progress")
    engine.command("cancel", job="job-1")
    assert engine.until("cancelled", "finished")[-1]["event"] == "cancelled"
    engine.command("quit")
    assert engine.ended() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
def test_a_folder_whose_name_is_no_utf_8(start: Callable[..., Engine], tmp_path: Path) -> None:
    job = Job(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")))
    job.folder.mkdir()
    job.write(protocol.VideoSpec(path=str(job.folder / "clip.mp4")))
    assert protocol.read_request(job.folder).video.path == str(job.folder / "clip.mp4")
    engine = start()
    engine.command("generate", job_folder=act(job.folder, "name"))
    events = engine.until("finished", "failed")
    assert events[-1]["event"] == "finished"
    assert next(event["message"] for event in events if event["event"] == "warning") == f"Look at {job.folder}."


def test_another_protocol_version_says_what_to_update(start: Callable[..., Engine]) -> None:
    engine = start()
    engine.write('{"protocol": 999, "command": "generate", "job_folder": "x"}\n')
    failed = engine.next()
    assert "999" in failed["message"] and "Update" in failed["advice"]


def test_a_job_folder_without_a_request_fails(start: Callable[..., Engine], tmp_path: Path) -> None:
    engine = start()
    engine.command("generate", job_folder=str(tmp_path))
    assert engine.until("failed", "finished")[-1]["code"] == "protocol"
    engine.command("generate", job_folder=str(tmp_path / "none"))
    assert engine.until("failed", "finished")[-1]["event"] == "failed"
