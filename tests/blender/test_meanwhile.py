"""What the artist does while a job runs: the result finds its object, or waits, or says why not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from scenes import add_armature, add_mesh, use_video


def run_with_change(blender: ModuleType, change: Callable[[bpy.types.Object], None]) -> tuple[object, bpy.types.Object]:
    """Starts a job, changes the scene while it runs, and lets it end."""
    item = add_mesh("Fox")
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    change(item)
    jobs.wait(job)
    return job, item


def test_vertex_count_changed_meanwhile(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    job, item = run_with_change(blender, lambda item: item.data.vertices.add(2))
    assert str(job.error).startswith("Fox had 42 vertices when the job started and has 44 now. Undo that change")
    assert not item.modifiers and not item.align4d.job and "Align4D Camera" not in bpy.data.objects


def test_object_deleted_meanwhile(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    job, _ = run_with_change(blender, bpy.data.objects.remove)
    assert "Fox is no longer in this file. Bring it back" in str(job.error)


def test_renamed_object_is_found(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    job, item = run_with_change(blender, lambda item: setattr(item, "name", "Wolf"))
    assert job.state == "done" and item.modifiers[0].name == "Align4D"


@pytest.mark.parametrize("mode", ["EDIT", "SCULPT", "WEIGHT_PAINT"])
def test_result_waits_for_object_mode(blender: ModuleType, tmp_path: Path, mode: str) -> None:
    """Tab, which leaves Edit Mode, would enter it from the others."""
    use_video(tmp_path)
    item = add_mesh()
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    bpy.ops.object.mode_set(mode=mode)
    while job.state != "waiting":
        jobs.step()
        time.sleep(0.01)
    assert not item.modifiers and job.stage == "Ready: go back to Object Mode to receive the motion"
    bpy.ops.object.mode_set(mode="OBJECT")
    jobs.wait(job)
    assert job.state == "done" and item.modifiers[0].name == "Align4D"


def test_undo_while_a_job_runs(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path)
    item = add_mesh("Fox")
    bpy.ops.ed.undo_push(message="Add Fox")
    item.location.x = 2
    item.name = "Wolf"
    bpy.ops.ed.undo_push(message="Move and rename")
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    bpy.ops.ed.undo()
    jobs.wait(job)
    assert job.state == "done" and bpy.data.objects["Fox"].modifiers[0].name == "Align4D"


def test_result_waits_for_its_file(blender: ModuleType, tmp_path: Path) -> None:
    use_video(tmp_path / "video")
    add_mesh("Fox")
    blend = str(tmp_path / "fox.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    while job.state != "waiting":
        jobs.step()
        time.sleep(0.01)
    assert "open fox.blend again" in job.stage
    bpy.ops.wm.open_mainfile(filepath=blend)
    jobs.wait(job)
    assert job.state == "done" and bpy.data.objects["Fox"].modifiers[0].name == "Align4D"


def test_window_is_never_blocked_while_a_job_runs(blender: ModuleType, tmp_path: Path) -> None:
    """Each turn of the crank takes less than 100 ms of the main thread, the arrival of the result included."""
    item = add_mesh(subdivisions=6)  # 10 thousand vertices
    add_armature(item)
    use_video(tmp_path)
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    longest = 0.0
    while not job.ended:
        began = time.thread_time()
        jobs.step()
        longest = max(longest, time.thread_time() - began)
        time.sleep(0.01)
    assert job.state == "done" and longest < 0.1
