"""A failure deletes nothing and stops nobody else: what was reached is there for Resume and for the next Generate, and the next job runs."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import random
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from faults import ERRORS, Sweep, Work
from scenes import add_mesh, select, turn_until

ROOT = Path(__file__).resolve().parents[2]


def run(blender: ModuleType, mode: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A job that has ended."""
    monkeypatch.setenv("FAKE_ENGINE", mode)
    jobs = blender.align4d_blender.jobs.queue
    jobs.release_engine()
    job = jobs.start(bpy.context)
    turn_until(blender, lambda: job.ended)
    return job


def engine_codes() -> list[str]:
    """Every code that the engine's sources name."""
    found = {"internal", "out_of_memory", "engine_died", "engine_outdated", "protocol_version"}
    for path in (ROOT / "engine" / "align4d").rglob("*.py"):
        found |= set(re.findall(r'EngineError\(\s*"([a-z_]+)"', path.read_text(encoding="utf-8")))
    return sorted(found)


def test_every_failure_keeps_everything(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(engine_codes()) > 40
    job = run(blender, "fail:internal", monkeypatch)
    kept = sorted(path.relative_to(job.folder) for path in job.folder.rglob("*"))
    queue, error = blender.align4d_blender.jobs.queue, blender.align4d_blender.errors.UserError
    for code in engine_codes():
        job.state = "running"
        queue._end(job, "failed", error(code, "It did not work.", "Try something else."))
        assert job.resumable and sorted(path.relative_to(job.folder) for path in job.folder.rglob("*")) == kept, code
    assert {Path("work/checkpoint"), Path("output/video/0000.png"), Path("request.json"), Path("input")} <= set(kept)
    monkeypatch.setenv("FAKE_ENGINE", "move")
    queue.release_engine()
    assert bpy.ops.align4d.resume(job=job.id) == {"FINISHED"}
    assert "Went on where it was." in job.notes and fox.modifiers["Align4D"]


def test_generate_again_takes_over_all_that_was_reached(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint, and the generated video, which took longest."""
    old = run(blender, "fail:disk_full", monkeypatch)
    new = run(blender, "move", monkeypatch)
    assert new.state == "done" and "Went on where it was." in new.notes
    assert (new.folder / "output" / "video" / "0000.png").read_bytes() == b"an hour of work"
    assert not old.folder.exists() and blender.align4d_blender.jobs.queue.listed == [new]


def test_a_clip_written_over_is_another_clip(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = run(blender, "fail:disk_full", monkeypatch)
    frame = tmp_path / "video" / "frame_0002.png"
    shutil.copy(tmp_path / "video" / "frame_0001.png", frame)
    os.utime(frame, ns=(1, old.sources[str(frame)][1] + 1_000_000))
    new = run(blender, "move", monkeypatch)
    assert new.state == "done" and "Went on where it was." not in new.notes
    assert old.folder.exists() and old.resumable, "the artist decides what becomes of it"


def test_what_was_reached_does_not_go_with_a_job_that_cannot_be_made(
    blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = run(blender, "fail:internal", monkeypatch)
    queue = blender.align4d_blender.jobs.queue

    def full(job: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(queue.Job, "write", full)
        with pytest.raises(blender.align4d_blender.errors.UserError, match="disk is full"):
            queue.start(bpy.context)
    assert (old.folder / "work" / "checkpoint").exists() and (old.folder / "output" / "video").exists() and queue.listed == [old]
    with monkeypatch.context() as patch:
        patch.setattr(queue.takeover, "_move", lambda source, target: full(None))
        new = queue.start(bpy.context)
    assert (old.folder / "work" / "checkpoint").exists() and old in queue.listed and not new.went_on


def test_resume_without_an_engine_changes_nothing(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    job = run(blender, "fail:video_missing", monkeypatch)
    blender.align4d_blender.jobs.queue.release_engine()
    preferences = bpy.context.preferences.addons[blender.__name__].preferences
    before, preferences.engine_python = preferences.engine_python, str(job.folder / "no engine")
    with pytest.raises(RuntimeError):
        bpy.ops.align4d.resume(job=job.id)
    assert job.state == "failed" and job.error.code == "video_missing" and job.resumable
    preferences.engine_python = before
    monkeypatch.setenv("FAKE_ENGINE", "move")
    assert bpy.ops.align4d.resume(job=job.id) == {"FINISHED"}


def test_an_engine_that_is_outdated_at_its_turn_keeps_the_job(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "move")
    jobs, running = blender.align4d_blender.jobs.queue, blender.align4d_blender.runtime.running
    first, second = jobs.start(bpy.context), jobs.start(bpy.context)
    (second.folder / "work").mkdir(exist_ok=True)
    (second.folder / "work" / "checkpoint").write_text("half way")

    def outdated() -> None:
        raise blender.align4d_blender.errors.UserError("engine_outdated", "The engine is of another version.", "Press Repair.")

    with monkeypatch.context() as patch:
        patch.setattr(running, "ready", outdated)
        turn_until(blender, lambda: first.ended and second.ended)
    assert first.state == "done" and second.error.code == "engine_outdated" and second.resumable
    assert (second.folder / "work" / "checkpoint").exists() and (second.folder / "input").exists()


# -- the next job runs ---------------------------------------------------------------------------------------------


def two(blender: ModuleType, monkeypatch: pytest.MonkeyPatch, mode: str = "move") -> tuple[Any, Any]:
    """Two jobs of two objects, neither ended."""
    monkeypatch.setenv("FAKE_ENGINE", mode)
    jobs = blender.align4d_blender.jobs.queue
    first = jobs.start(bpy.context)
    select(add_mesh("Wolf", 1))
    return first, jobs.start(bpy.context)


def test_a_clip_that_is_gone_when_the_motion_arrives_is_a_note(
    blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The stick was pulled."""
    first, second = two(blender, monkeypatch)
    (tmp_path / "video").rename(tmp_path / "elsewhere")
    turn_until(blender, lambda: first.ended and second.ended)
    assert [first.state, second.state] == ["done", "done"]
    assert any("The clip is no longer at" in note for note in first.notes)
    assert len([item for item in bpy.data.objects if item.type == "CAMERA"]) == 2
    bpy.data.objects["Fox"].align4d.results[0].start = 20  # the camera keeps in step without it


@pytest.mark.parametrize("error", [RuntimeError("out of the blue"), ZeroDivisionError(), MemoryError()], ids=lambda error: type(error).__name__)
def test_what_fails_on_the_way_into_the_scene_is_undone_as_a_whole(
    blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    delivery = blender.align4d_blender.result.delivery
    camera = delivery.add_camera
    failed: list[int] = []

    def fail_once(*arguments: Any) -> Any:
        made = camera(*arguments)
        if failed:
            return made
        failed.append(1)
        raise error

    monkeypatch.setattr(delivery, "add_camera", fail_once)
    objects = set(bpy.data.objects)
    first, second = two(blender, monkeypatch)
    turn_until(blender, lambda: first.ended and second.ended)
    assert first.state == "failed" and first.error.code == "internal" and type(error).__name__ in first.error.message and first.error.fix
    assert "Traceback" in (first.folder / "log.txt").read_text(encoding="utf-8")
    assert not fox.modifiers and not fox.align4d.results and fox in objects
    assert second.state == "done" and bpy.data.objects["Wolf"].modifiers["Align4D"]
    assert len([item for item in bpy.data.objects if item.type == "CAMERA"]) == 1, "the camera of the one that failed is gone"
    assert bpy.ops.align4d.resume(job=first.id) == {"FINISHED"} and fox.modifiers["Align4D"], "nothing was lost"


def test_an_event_without_its_fields_fails_its_job_alone(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = two(blender, monkeypatch, "nonsense")
    turn_until(blender, lambda: first.ended)
    assert first.state == "failed" and first.error.code == "internal" and first.resumable
    turn_until(blender, lambda: second.state == "failed")


def test_a_script_that_fails_stops_nothing(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = blender.align4d_blender.jobs.queue

    def broken(job: object) -> None:
        raise ValueError("a bug of the script")

    monkeypatch.setattr(jobs, "on_change", [broken])
    monkeypatch.setattr(jobs, "on_end", [broken])
    assert run(blender, "move", monkeypatch).state == "done"


def damages(chance: random.Random, content: bytes) -> bytes:
    """Cut, flipped, or with another value in the place of one."""
    kind = chance.randrange(4)
    if kind == 0:
        return content[: chance.randrange(len(content))]
    if kind == 1:
        at = chance.randrange(len(content))
        return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
    if kind == 2:
        return chance.choice([b"", b"[]", b"null", b"[" * 50_000, b"\xff\xfe", b'{"protocol": 1}', b'{"record": 1}'])
    try:
        data = json.loads(content)
    except ValueError:
        return content[::-1]
    data[chance.choice(list(data))] = chance.choice([None, [], {}, "", -1, 1e300, "x", [[]], {"a": [1]}])
    return json.dumps(data).encode()


@pytest.mark.parametrize("name", ["output/result.json", "output/motion_000.pc2", "request.json"])
def test_a_damaged_result_fails_its_job_alone(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    jobs = blender.align4d_blender.jobs.queue
    job = run(blender, "fewer", monkeypatch)  # complete, and not in the scene
    blender.align4d_blender.jobs.queue.release_engine()
    fake = pytest.importorskip("fake_engine")
    fake.run(job.folder, 0)
    whole = (job.folder / name).read_bytes()
    chance = random.Random(5)
    bad = 0
    for _ in range(40):
        (job.folder / name).write_bytes(damages(chance, whole))
        job.state, job.error = "waiting", None
        jobs.arrival.begin(job)
        turn_until(blender, lambda: job.ended, 20)
        if job.state == "failed":
            bad += 1
            assert job.error.code in ("bad_record", "internal") and job.error.message and job.resumable
            assert not fox.modifiers and not fox.align4d.results
        else:
            blender.align4d_blender.result.results.take_off(job.id)
    assert bad > 10
    (job.folder / name).write_bytes(whole)
    assert run(blender, "move", monkeypatch).state == "done"


def test_damaged_records_hide_no_other_job(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    good, bad = run(blender, "fail:internal", monkeypatch), run(blender, "fail:video_empty", monkeypatch)
    if not good.folder.exists():  # the second took over what the first had reached
        shutil.copytree(bad.folder, good.folder, ignore=shutil.ignore_patterns("*.lock"))
        dataclasses.replace(bad, id=good.id, folder=good.folder).write()
    bpy.ops.wm.save_mainfile()
    whole = (bad.folder / "record.json").read_bytes()
    chance = random.Random(7)
    for _ in range(40):
        blender.align4d_blender.jobs.queue.shut_down()
        (bad.folder / "record.json").write_bytes(damages(chance, whole))
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
        listed = blender.align4d_blender.jobs.queue.listed
        assert good.id in [job.id for job in listed] and bad.folder.exists()
        for job in listed:
            blender.align4d_blender.jobs.queue.redraw()
            assert isinstance(job.label, str) and isinstance(job.resumable, bool) and job.moved
        turn_until(blender, lambda: all(job.ended for job in blender.align4d_blender.jobs.queue.listed), 20)


def test_taking_over_survives_every_fault(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stopped or refused by the system at any step: the checkpoint and the generated video are in one of the two folders, whole."""
    takeover, record = blender.align4d_blender.jobs.takeover, blender.align4d_blender.jobs.record
    job = run(blender, "fail:internal", monkeypatch)

    def begin(folder: Path) -> None:
        shutil.copytree(job.folder, folder / "old", ignore=shutil.ignore_patterns("*.lock"))
        shutil.copytree(job.folder, folder / "new", ignore=shutil.ignore_patterns("*.lock", "work", "output"))

    def go_on(folder: Path) -> None:
        old, new = (record.Job(name, folder / name, (), "Scene", 1) for name in ("old", "new"))
        takeover.take_over(old, new)

    def reached(folder: Path) -> dict[str, bytes]:
        files = [path for name in ("work", "output") for path in folder.glob(f"*/{name}/**/*") if path.is_file()]
        return {path.relative_to(folder).as_posix().partition("/")[2]: path.read_bytes() for path in files}

    def whole(folder: Path) -> str:
        there = reached(folder)
        return "" if there["work/checkpoint"] and there["output/video/0000.png"] == b"an hour of work" else "something is lost"

    work = Work("take over", begin, go_on, reached, lambda error: isinstance(error, OSError), whole)
    sweep = Sweep(work, tmp_path / "sweep")
    assert len(sweep.points) >= 2
    for tally in (sweep.stopped(), *(sweep.failing(number) for number in ERRORS)):
        assert tally.good, tally


def test_a_record_survives_every_fault(blender: ModuleType, tmp_path: Path) -> None:
    """Stopped or refused by the system at any write: the record is there, whole, and says one of the job's states."""
    record = blender.align4d_blender.jobs.record

    def job(folder: Path) -> Any:
        return record.read(folder) or record.Job("job", folder, (), "Scene", 1)

    def go_on(folder: Path) -> None:
        one = job(folder)
        for state in ("running", "arriving", "waiting", "done"):
            one.state = state
            one.write()

    def outcome(folder: Path) -> object:
        return record.read(folder).state

    def there(folder: Path) -> str:
        return "" if record.read(folder) else "the record is gone"

    work = Work("record", lambda folder: job(folder).write(), go_on, outcome, lambda error: isinstance(error, OSError), there)
    sweep = Sweep(work, tmp_path / "sweep")
    assert len(sweep.points) >= 16
    for tally in (sweep.stopped(), *(sweep.failing(number) for number in ERRORS)):
        assert tally.good, tally
