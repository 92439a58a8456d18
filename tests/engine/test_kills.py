"""An engine that is killed at any instant: the job goes on and ends with the same result, and nothing half-written is taken for whole."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import Job
from engine_process import Engine

from align4d import protocol
from align4d.errors import Cancelled, EngineError
from align4d.job.lock import LOCK, sole_engine

KILLS = 5


def begin(folder: Path) -> Engine:
    """An engine that has taken the job."""
    engine = Engine()
    engine.command("generate", job_folder=str(folder))
    engine.until("accepted")
    return engine


def finish(engine: Engine) -> None:
    assert engine.until("finished", "failed")[-1]["event"] == "finished"
    engine.command("quit")
    engine.ended()


def whole(folder: Path) -> bool:
    """Every file that a reader would take is whole."""
    for path in (folder / "work").glob("*.npz"):
        protocol.read_arrays(path)
    for path in (folder / "output").glob("*.pc2"):
        protocol.read_pc2(path)
    if (folder / "output" / "result.json").exists():
        result = protocol.read_result(folder)
        assert all((folder / item.motion).exists() for item in result.objects)
    return True


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """New job folders of the same job."""

    def make() -> Iterator[Path]:
        for number in range(KILLS + 1):
            job = Job(tmp_path / str(number))
            job.folder.mkdir()
            job.write()
            (job.folder / "act").write_text("walk")
            yield job.folder

    return make()


def test_killed_at_any_instant(folders: Iterator[Path]) -> None:
    undisturbed = next(folders)
    began = time.monotonic()
    finish(begin(undisturbed))
    seconds = time.monotonic() - began
    wanted = (undisturbed / "output" / "motion_000.pc2").read_bytes()
    chance = random.Random(6)
    caught = 0
    for folder in folders:
        engine = begin(folder)
        time.sleep(chance.uniform(0, seconds))
        caught += engine.process.poll() is None and not (folder / "output" / "result.json").exists()
        engine.process.kill()
        engine.process.wait()
        assert whole(folder)
        finish(begin(folder))
        assert (folder / "output" / "motion_000.pc2").read_bytes() == wanted
        assert not list(folder.rglob("*.part")), "what the killed engine was writing is cleared away"
    assert caught, "no kill came in time: this test shows nothing"


def test_a_second_engine_waits_until_the_first_has_left(folders: Iterator[Path]) -> None:
    """Blender died and was started again at once, while the old engine still works."""
    folder = next(folders)
    (folder / "act").write_text("long")
    first, second = begin(folder), begin(folder)
    first.until("stage")
    time.sleep(0.3)
    assert second.lines.empty(), "it must not touch the folder"
    (folder / "act").write_text("")
    first.process.stdin.close()  # what the death of Blender does
    assert first.ended() == 0
    finish(second)


def test_two_engines_do_not_share_a_folder(tmp_path: Path) -> None:
    with protocol.hold(tmp_path / LOCK) or pytest.fail("the lock is free"):
        with pytest.raises(EngineError, match="Another engine is working on this job. Wait"), sole_engine(tmp_path, lambda: None, patience=0.2):
            pass

        def cancelled() -> None:
            raise Cancelled

        with pytest.raises(Cancelled), sole_engine(tmp_path, cancelled):
            pass


def test_what_a_killed_engine_was_writing_is_cleared_away(tmp_path: Path) -> None:
    """Files and folders at any depth; never through a link, and nothing of Blender's."""
    job, elsewhere = tmp_path / "job", tmp_path / "elsewhere"
    precious = elsewhere / ".precious.part"
    precious.mkdir(parents=True)
    (precious / "work.txt").write_text("years")
    unfinished = [
        job / ".request.json.7.part",
        job / "work" / ".tracking.npz.7.part",
        job / "work" / "pair" / ".asset.npz.7.part",
        job / "input" / ".generated.png.7.part",
        job / "output" / "gaussians_000" / ".frame_0000.ply.7.part",
        job / "output" / ".video.part" / "0000.png",
        job / "output" / ".video.part" / "deep" / "0001.png",
    ]
    kept = [job / "work" / "tracking.npz", job / ".record.json.8.part", job / "output" / "video" / "0000.png", job / "a.part"]
    for path in (*unfinished, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    links = [job / "output" / "elsewhere", job / "output" / ".linked.part"]
    with contextlib.suppress(OSError):  # Windows allows links to few
        links[0].symlink_to(elsewhere, target_is_directory=True)
        links[1].symlink_to(precious, target_is_directory=True)
    with sole_engine(job, lambda: None):
        assert not [path for path in unfinished if path.exists()]
        assert not (job / "output" / ".video.part").exists() and not links[1].is_symlink()
        assert all(path.exists() for path in (*kept, precious / "work.txt"))


def test_what_cannot_be_cleared_away_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "output").mkdir()
    rest = tmp_path / "output" / ".motion_000.pc2.7.part"
    rest.write_bytes(b"half")

    def refuse(path: object) -> None:
        raise PermissionError(errno.EACCES, "a virus scanner reads it")

    monkeypatch.setattr(os, "unlink", refuse)
    with sole_engine(tmp_path, lambda: None):
        assert rest.exists()
