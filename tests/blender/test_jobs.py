"""The job list: jobs wait for their turn, end one by one, go on where they were, and survive what happens to the file and to Blender."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from scenes import add_mesh, select, turn_until


def crash(blender: ModuleType) -> None:
    """What a killed Blender leaves: no list, no locks, an engine whose stdin has closed; the records stay as they were last written."""
    jobs = blender.align4d_blender.jobs.queue
    records = {job.folder: (job.folder / "record.json").read_bytes() for job in jobs.listed}
    jobs.shut_down()
    for folder, record in records.items():
        (folder / "record.json").write_bytes(record)


def states(blender: ModuleType) -> list[str]:
    return [job.state for job in blender.align4d_blender.jobs.queue.listed]


def test_jobs_wait_for_their_turn(blender: ModuleType, fox: bpy.types.Object) -> None:
    jobs = blender.align4d_blender.jobs.queue
    wolf = add_mesh("Wolf", 1)
    started = []
    for item in (fox, wolf, fox):
        select(item)
        started.append(jobs.start(bpy.context))
    assert states(blender) == ["running", "queued", "queued"]
    assert [jobs.waiting_before(job) for job in started] == [0, 1, 2]
    order: list[str] = []
    jobs.on_end.append(lambda job: order.append(job.id))
    turn_until(blender, lambda: all(job.ended for job in started))
    jobs.on_end.pop()
    assert states(blender) == ["done"] * 3 and order == [job.id for job in started]
    assert len(fox.align4d.results) == 2 and len(wolf.align4d.results) == 1


def test_a_job_in_the_queue_can_be_cancelled(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs.queue
    first, second, third = (jobs.start(bpy.context) for _ in range(3))
    assert bpy.ops.align4d.cancel(job=second.id) == {"FINISHED"}
    assert states(blender) == ["running", "cancelled", "queued"]
    assert bpy.ops.align4d.cancel(job=first.id) == {"FINISHED"}
    turn_until(blender, lambda: third.state == "running")
    assert states(blender) == ["cancelled", "cancelled", "running"] and jobs.current() is third


def test_the_next_job_runs_after_a_crash_of_the_engine(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "die")
    jobs = blender.align4d_blender.jobs.queue
    first, second = jobs.start(bpy.context), jobs.start(bpy.context)
    turn_until(blender, lambda: first.ended)
    monkeypatch.setenv("FAKE_ENGINE", "move")
    turn_until(blender, lambda: second.ended)
    assert first.state == "failed" and first.resumable and "Press Resume" in str(first.error)
    if second.state == "failed":  # the engine was started for it before the test could change its manners
        assert bpy.ops.align4d.resume(job=second.id) == {"FINISHED"}
    assert second.state == "done"


def test_a_cancelled_job_goes_on_where_it_was(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    turn_until(blender, lambda: job.stage == "Moving")
    jobs.cancel(job)
    jobs.wait(job)
    assert job.state == "cancelled" and not fox.modifiers
    jobs.release_engine()
    monkeypatch.setenv("FAKE_ENGINE", "move")
    assert bpy.ops.align4d.resume(job=job.id) == {"FINISHED"}
    assert "Went on where it was." in job.notes and fox.modifiers["Align4D"]


@pytest.mark.parametrize("mode", ["slow", "stubborn"])
def test_a_cancel_does_not_stick_to_the_next_job(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """An engine that dies in the next job is a crash, not the answer to the cancel before."""
    monkeypatch.setenv("FAKE_ENGINE", mode)
    jobs = blender.align4d_blender.jobs.queue
    first, second = jobs.start(bpy.context), jobs.start(bpy.context)
    turn_until(blender, lambda: first.stage == "Moving")
    jobs.cancel(first)
    turn_until(blender, lambda: second.stage == "Moving")
    blender.align4d_blender.runtime.running.client._process.kill()
    turn_until(blender, lambda: second.ended)
    assert first.state == "cancelled" and second.state == "failed" and second.error.code == "engine_died"


def test_results_steal_neither_selection_nor_undo_steps(blender: ModuleType, fox: bpy.types.Object) -> None:
    jobs = blender.align4d_blender.jobs.queue
    bpy.ops.ed.undo_push(message="before")
    job = jobs.start(bpy.context)
    other = add_mesh("Other")
    bpy.ops.ed.undo_push(message="add Other")
    jobs.wait(job)
    assert bpy.context.view_layer.objects.active == other
    assert [item.name for item in bpy.context.selected_objects] == ["Other"]
    bpy.ops.ed.undo()
    assert not bpy.data.objects["Fox"].modifiers and "Other" in bpy.data.objects, "one step takes the result back, and nothing else"


def test_an_undone_result_can_be_brought_back(blender: ModuleType, fox: bpy.types.Object) -> None:
    jobs = blender.align4d_blender.jobs.queue
    bpy.ops.ed.undo_push(message="before")
    job = jobs.start(bpy.context)
    jobs.wait(job)
    bpy.ops.ed.undo()
    assert not bpy.data.objects["Fox"].modifiers
    assert bpy.ops.align4d.resume(job=job.id) == {"FINISHED"}
    assert bpy.data.objects["Fox"].modifiers["Align4D"] and len(bpy.data.objects["Fox"].align4d.results) == 1


def test_remove_deletes_what_was_reached_but_no_result(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = blender.align4d_blender.jobs.queue
    done = jobs.start(bpy.context)
    jobs.wait(done)
    jobs.release_engine()
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    cancelled = jobs.start(bpy.context)
    assert bpy.ops.align4d.remove_job(job=cancelled.id) == {"CANCELLED"}, "it is at work"
    jobs.cancel(cancelled)
    jobs.wait(cancelled)
    for job in (done, cancelled):
        assert bpy.ops.align4d.remove_job(job=job.id) == {"FINISHED"}
    assert not jobs.listed and not cancelled.folder.exists() and (done.folder / "output" / "result.json").exists()
    assert not bpy.ops.align4d.remove_job.poll() and not bpy.ops.align4d.resume.poll()


def test_the_log_is_shown(blender: ModuleType, fox: bpy.types.Object, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    jobs.wait(job)
    assert bpy.ops.align4d.show_log(job=job.id) == {"CANCELLED"}
    (job.folder / "log.txt").write_text("the engine was here")
    assert bpy.ops.align4d.show_log(job=job.id) == {"FINISHED"}
    assert "the engine was here" in capsys.readouterr().out and not bpy.data.texts


# -- files, and the end of Blender ---------------------------------------------------------------------------------


def interrupted(blender: ModuleType, monkeypatch: pytest.MonkeyPatch, blend: Path, count: int = 1) -> list[Path]:
    """Saves, starts jobs, and lets Blender die in the first; returns the jobs' folders."""
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs.queue
    started = [jobs.start(bpy.context) for _ in range(count)]
    bpy.ops.wm.save_mainfile()
    turn_until(blender, lambda: started[0].stage == "Moving")
    crash(blender)
    monkeypatch.setenv("FAKE_ENGINE", "move")
    return [job.folder for job in started]


def test_the_end_of_blender_interrupts(blender: ModuleType, fox: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blend = tmp_path / "füchse im schnee" / "fox.blend"
    blend.parent.mkdir()
    fox.name = "Füchsin 狐"
    interrupted(blender, monkeypatch, blend, count=2)
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    jobs = blender.align4d_blender.jobs.queue
    assert states(blender) == ["interrupted", "interrupted"]
    for job in list(jobs.listed):
        assert bpy.ops.align4d.resume(job=job.id) == {"FINISHED"}
    assert states(blender) == ["done", "done"] and "Went on where it was." in jobs.listed[0].notes
    assert len(bpy.data.objects["Füchsin 狐"].align4d.results) == 2


def test_found_again_under_another_name_and_in_another_place(
    blender: ModuleType, fox: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project was moved, and the object renamed and hidden, after Blender's end."""
    home = tmp_path / "project"
    home.mkdir()
    interrupted(blender, monkeypatch, home / "fox.blend")
    bpy.data.objects["Fox"].name = "Wolf"
    bpy.data.objects["Wolf"].hide_viewport = True
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert not blender.align4d_blender.jobs.queue.listed, "they belong to the other file"
    home.rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "fox.blend"))
    assert bpy.ops.align4d.resume() == {"FINISHED"}
    assert bpy.data.objects["Wolf"].modifiers["Align4D"]


def test_a_finished_job_comes_in_when_its_file_is_opened(
    blender: ModuleType, fox: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blender died after the engine had finished and before the result was in the scene."""
    folder = interrupted(blender, monkeypatch, tmp_path / "fox.blend")[0]
    fake = pytest.importorskip("fake_engine")
    fake.run(folder, 0)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
    jobs = blender.align4d_blender.jobs.queue
    turn_until(blender, lambda: jobs.listed[0].ended)
    assert states(blender) == ["done"] and bpy.data.objects["Fox"].modifiers["Align4D"]


def test_a_file_that_was_never_saved(blender: ModuleType, fox: bpy.types.Object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its jobs are offered again, and come only when the artist says so: any file may hold a Cube."""
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    turn_until(blender, lambda: job.stage == "Moving")
    crash(blender)
    monkeypatch.setenv("FAKE_ENGINE", "move")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert states(blender) == ["interrupted"]
    assert bpy.ops.align4d.resume() == {"CANCELLED"}
    assert jobs.listed[0].error.code == "object_gone" and jobs.listed[0].resumable
    add_mesh("Fox")
    assert bpy.ops.align4d.resume() == {"FINISHED"}


def test_a_job_of_another_blender_is_left_alone(blender: ModuleType, fox: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = interrupted(blender, monkeypatch, tmp_path / "fox.blend")[0]
    protocol = blender.engine.align4d.protocol
    with protocol.hold(folder / "owner.lock"):
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
        assert not blender.align4d_blender.jobs.queue.listed
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
    assert states(blender) == ["interrupted"]


@pytest.mark.parametrize("damage", ["", "{", '{"record": 99}', json.dumps({"record": 1})])
def test_a_damaged_record_is_no_job(blender: ModuleType, fox: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    folder = interrupted(blender, monkeypatch, tmp_path / "fox.blend")[0]
    (folder / "record.json").write_text(damage)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
    assert not blender.align4d_blender.jobs.queue.listed and folder.exists()


def test_resuming_without_files_is_said(blender: ModuleType, fox: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = interrupted(blender, monkeypatch, tmp_path / "fox.blend")[0]
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
    shutil.rmtree(folder)
    with pytest.raises(RuntimeError, match="no longer in"):
        bpy.ops.align4d.resume()


def test_saving_while_it_runs_makes_it_this_files_job(
    blender: ModuleType, fox: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    turn_until(blender, lambda: job.stage == "Moving")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    assert job.state == "running" and job.blend == str(tmp_path / "fox.blend")
    crash(blender)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
    assert states(blender) == ["interrupted"]


def test_a_result_never_comes_into_another_file(blender: ModuleType, fox: bpy.types.Object, tmp_path: Path) -> None:
    """The other file has an object of the same name and size."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fox.blend"))
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "other.blend"))
    turn_until(blender, lambda: job.state == "waiting")
    assert not bpy.data.objects["Fox"].modifiers and "open fox.blend again" in job.stage
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fox.blend"))
    turn_until(blender, lambda: job.ended)
    assert job.state == "done" and bpy.data.objects["Fox"].modifiers["Align4D"]


def test_undo_and_redo_fifty_times_with_results(blender: ModuleType, fox: bpy.types.Object) -> None:
    jobs = blender.align4d_blender.jobs.queue
    bpy.ops.ed.undo_push(message="before")
    for _ in range(2):
        jobs.wait(jobs.start(bpy.context))
    handlers = [len(getattr(bpy.app.handlers, name)) for name in ("load_post", "save_pre", "save_post", "frame_change_pre", "undo_post")]
    for count in range(50):
        bpy.ops.ed.undo()
        bpy.ops.ed.undo()
        assert not bpy.data.objects["Fox"].align4d.results
        bpy.ops.ed.redo()
        bpy.ops.ed.redo()
        bpy.context.scene.frame_set(count % 12)
    assert len(bpy.data.objects["Fox"].align4d.results) == 2 and bpy.data.objects["Fox"].modifiers["Align4D"]
    assert handlers == [len(getattr(bpy.app.handlers, name)) for name in ("load_post", "save_pre", "save_post", "frame_change_pre", "undo_post")]
    bpy.data.objects["Fox"].align4d.results[0].speed = 2.0


def test_the_time_left_is_learned(blender: ModuleType, tmp_path: Path) -> None:
    forecast = blender.align4d_blender.jobs.forecast
    way = forecast.Forecast(forecast.known(tmp_path, "draft"))
    way.stage("reading", 0, 7)
    assert way.fraction == 0 and way.left < 0
    way.stage("tracking", 4, 7)
    assert way.fraction == pytest.approx(16.5 / 55.5)
    way.progress(0.1, 27.0)
    assert way.left < 0, "too early to tell"
    way.progress(0.5, 15.0)
    assert way.fraction == pytest.approx(31.5 / 55.5) and way.left == pytest.approx(15 + 9)
    forecast.learn(tmp_path, "draft", {"one": 1.0, "two": 3.0})
    way = forecast.Forecast(forecast.known(tmp_path, "draft"))
    way.stage("two", 1, 2)
    assert way.fraction == 0.25
    way.stage("unheard of", 1, 2)
    assert way.fraction == 0.5


def test_the_bar_does_not_go_back_where_a_stage_counts_anew(blender: ModuleType, tmp_path: Path) -> None:
    way = blender.align4d_blender.jobs.forecast.Forecast({"camera": 1.0, "tracking": 1.0})
    way.stage("camera", 0, 2)
    way.progress(0.8, 1.0)
    way.progress(0.5, 6.0)
    assert way.fraction == pytest.approx(0.4) and way.left == pytest.approx(6 + 12), "the time left is told by what is counted now"
    way.progress(1.0, 0.0)
    assert way.fraction == pytest.approx(0.5)
    way.stage("tracking", 1, 2)
    assert way.fraction == pytest.approx(0.5)


def test_live_pictures_become_icons(blender: ModuleType, tmp_path: Path) -> None:
    import numpy as np

    previews = blender.align4d_blender.jobs.previews
    picture = tmp_path / "preview.npy"
    assert not previews.refresh("job", picture) and previews.icons("job") is None
    pair = np.zeros((8, 16, 3), np.uint8)
    pair[0, :8, 0] = 255  # the top row of the video's frame is red
    np.save(picture, pair)
    assert previews.refresh("job", picture) and not previews.refresh("job", picture)
    assert previews.icons("job") is not None  # the icons themselves need a window
    pixels = np.empty(8 * 8 * 4, np.float32)
    previews._collection["job frame"].image_pixels_float.foreach_get(pixels)
    assert (pixels.reshape(8, 8, 4)[-1] == [1, 0, 0, 1]).all() and (pixels.reshape(8, 8, 4)[:-1, :, 0] == 0).all()
    previews.forget("job")
    assert previews.icons("job") is None
    previews.clear()
