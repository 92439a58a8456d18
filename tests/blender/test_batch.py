"""Batches: collected from scenes, submitted together, and each result comes into its own scene, whatever happens to Blender meanwhile."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from scenes import add_mesh, select, turn_until, use_video
from test_jobs import crash, states
from test_panel import draw

from align4d import protocol


@pytest.fixture
def two_scenes(blender: ModuleType, fox: bpy.types.Object, tmp_path: Path) -> tuple[bpy.types.Object, bpy.types.Object]:
    """A mesh in each of two scenes, both collected; the second scene is shown."""
    assert bpy.ops.align4d.add_to_batch() == {"FINISHED"}
    bpy.ops.scene.new(type="NEW")
    use_video(tmp_path / "other")
    wolf = add_mesh("Wolf", 1)
    bpy.context.scene.frame_set(40)
    assert bpy.ops.align4d.add_to_batch() == {"FINISHED"}
    return fox, wolf


def folder_of(job: Any) -> Path:
    return Path(job.batch)


def test_results_come_into_the_scenes_that_they_were_collected_from(
    blender: ModuleType, two_scenes: tuple[bpy.types.Object, bpy.types.Object]
) -> None:
    fox, wolf = two_scenes
    jobs = list(blender.align4d_blender.jobs.queue.listed)
    assert states(blender) == ["collected"] * 2 and not fox.align4d.results
    assert "Submit 2 Jobs" in draw(blender, "batch") and "Add to Batch" in draw(blender)
    assert bpy.ops.align4d.submit_batch() == {"FINISHED"}
    assert states(blender) == ["done"] * 2
    assert [len(item.align4d.results) for item in (fox, wolf)] == [1, 1]
    assert (fox.align4d.results[0].start, wolf.align4d.results[0].start) == (1, 40)
    assert "A note of the engine." in jobs[0].notes and jobs[0].fraction > 0
    shots = tomllib.loads((folder_of(jobs[0]) / "batch.toml").read_text())["shot"]
    assert [Path(shot["job"]) for shot in shots] == [job.folder for job in jobs] and shots[0]["name"].startswith("Fox")
    assert not blender.panels.batch.ALIGN4D_PT_batch.poll(bpy.context)


def test_a_job_is_taken_out_and_an_empty_batch_is_refused(blender: ModuleType, two_scenes: tuple[bpy.types.Object, bpy.types.Object]) -> None:
    first, second = blender.align4d_blender.jobs.queue.listed
    bpy.ops.align4d.remove_from_batch(job=first.id)
    assert blender.align4d_blender.jobs.queue.listed == [second] and not first.folder.exists()
    bpy.ops.align4d.remove_from_batch(job=second.id)
    with pytest.raises(RuntimeError, match="Add to Batch"):
        bpy.ops.align4d.submit_batch()


def test_a_failed_job_stops_no_other_and_one_is_cancelled(
    blender: ModuleType, two_scenes: tuple[bpy.types.Object, bpy.types.Object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs
    first, second = jobs.batch.submit()
    turn_until(blender, lambda: first.stage == "Moving")
    assert "Moving" in draw(blender, "jobs")
    jobs.queue.cancel(second)
    assert second.state == "cancelled", "the batch has not come to it"
    jobs.queue.cancel(first)
    turn_until(blender, lambda: first.ended)
    assert states(blender) == ["cancelled"] * 2
    monkeypatch.setenv("FAKE_ENGINE", "move")
    bpy.ops.align4d.resume(job=second.id)
    assert second.state == "done" and second.batch == ""


def test_what_ends_a_job_is_told(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "late")
    bpy.ops.align4d.add_to_batch()
    assert bpy.ops.align4d.submit_batch() == {"CANCELLED"}
    (job,) = blender.align4d_blender.jobs.queue.listed
    assert job.state == "failed" and job.error.fix == "start_later:3" and "Start Later" in draw(blender, "jobs")


def test_a_batch_goes_on_without_blender(blender: ModuleType, fox: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blender is killed, and started again while the batch is at work; its result comes when the file is opened."""
    monkeypatch.setenv("FAKE_ENGINE", "gate")
    jobs = blender.align4d_blender.jobs
    path = str(tmp_path / "fox.blend")
    bpy.ops.align4d.add_to_batch()
    bpy.ops.wm.save_as_mainfile(filepath=path)
    (job,) = jobs.batch.submit()
    turn_until(blender, (folder_of(job) / protocol.BATCH_LOCK).exists)
    process = jobs.submitted._processes.pop(job.batch)  # a new Blender does not know it
    crash(blender)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert states(blender) == ["submitted"]
    jobs.queue.step()
    assert states(blender) == ["submitted"], "somebody is at work on it"
    (folder_of(job) / "go").touch()
    turn_until(blender, lambda: states(blender) == ["done"])
    assert len(bpy.data.objects["Fox"].align4d.results) == 1
    assert process.wait() == 0


def test_a_batch_that_dies_leaves_jobs_that_can_go_on(
    blender: ModuleType, fox: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    bpy.ops.align4d.add_to_batch()
    crash(blender)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
    assert states(blender) == ["collected"], "it waits for Submit as before"
    monkeypatch.setenv("FAKE_ENGINE", "die")
    assert bpy.ops.align4d.submit_batch() == {"CANCELLED"}
    assert states(blender) == ["interrupted"]
    monkeypatch.setenv("FAKE_ENGINE", "move")
    assert bpy.ops.align4d.resume() == {"FINISHED"}
    assert len(bpy.data.objects["Fox"].align4d.results) == 1


def test_generate_goes_by_a_batch(blender: ModuleType, fox: bpy.types.Object) -> None:
    """What was collected holds up no other job, and Cancel means the job at work."""
    bpy.ops.align4d.add_to_batch()
    select(fox)
    bpy.ops.align4d.generate()
    assert states(blender) == ["collected", "done"]
    assert blender.align4d_blender.jobs.queue.current().state == "done"


def test_a_cluster_is_named_to_the_engine(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    ask = blender.align4d_blender.runtime.ask
    command = ask.command
    monkeypatch.setattr(ask, "command", lambda arguments: asked.append(arguments) or command(arguments))
    chosen = blender.align4d_blender.runtime.preferences.get()
    chosen.ray, chosen.ray_gpus = "auto", 0.5
    try:
        bpy.ops.align4d.add_to_batch()
        assert "ray_gpus" in draw(blender, "batch") or "GPUs" in draw(blender, "batch")
        bpy.ops.align4d.submit_batch()
    finally:
        chosen.ray, chosen.ray_gpus = "", 0.0
    assert asked[-1][-4:] == ["--ray", "auto", "--gpus", "0.5"]
