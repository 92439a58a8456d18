"""An error carries the button that repairs it, from the engine into the panel."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from scenes import add_mesh, use_video
from test_panel import Layout, draw


def test_every_repair_has_a_button_that_works(blender: ModuleType) -> None:
    protocol = sys.modules[f"{blender.__name__}.engine.align4d.protocol"]
    buttons = blender.panels.fixes.BUTTONS
    assert list(buttons) == list(protocol.FIXES)
    for button in (one for first in buttons.values() for one in (first, first.beside) if one):
        group, name = button.operator.split(".")
        properties = getattr(getattr(bpy.ops, group), name).get_rna_type().properties
        assert not button.takes or button.takes in properties


def test_a_repair_that_is_not_known_draws_nothing(blender: ModuleType) -> None:
    layout = Layout()
    for fix in ("", "dance", "dance:3"):
        blender.panels.fixes.draw(layout, fix)
    assert not layout.drawn


def test_a_model_that_is_missing_may_also_be_a_folder_of_the_artists(blender: ModuleType) -> None:
    layout = Layout()
    blender.panels.fixes.draw(layout, "fetch_model:isnet")
    assert {"Fetch Model", "Use Folder"} <= set(layout.drawn)


def test_a_failed_job_offers_its_repair(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "late")
    add_mesh()
    use_video(tmp_path)
    with pytest.raises(RuntimeError, match="does not show the object"):
        bpy.ops.align4d.generate()
    assert "Start Later" in draw(blender, "jobs").split("\n")
    jobs = blender.align4d_blender.jobs
    assert jobs.record.read(jobs.queue.listed[-1].folder).error.fix == "start_later:3"
    settings = bpy.context.scene.align4d
    bpy.ops.align4d.start_later(by=3)
    assert settings.first == 4
    bpy.ops.align4d.start_later(by=0)
    assert (settings.first, settings.last) == (0, 0)


def test_a_refused_button_offers_its_repair_in_the_panel(blender: ModuleType, tmp_path: Path) -> None:
    """Until some button works, the artist takes the message away, or another file is open."""

    def refused() -> str:
        with pytest.raises(RuntimeError, match="not allowed to use the network"):
            bpy.ops.align4d.fetch_model(model="svd")
        return draw(blender)

    assert not bpy.app.online_access and "Allow Online Access" not in draw(blender)
    said = refused().split("\n")
    assert "Blender is not allowed to use the network" in said[0] and "Allow Online Access" in said[1:]
    bpy.ops.align4d.use_draft()
    assert "not allowed" not in draw(blender)
    refused()
    bpy.ops.align4d.forget_refusal()
    assert "not allowed" not in draw(blender)
    refused()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"))
    assert "not allowed" in draw(blender)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "other.blend"))
    assert "not allowed" not in draw(blender)


def test_an_error_without_a_repair_takes_the_place_of_one_with(blender: ModuleType) -> None:
    add_mesh()
    with pytest.raises(RuntimeError, match="not allowed to use the network"):
        bpy.ops.align4d.fetch_model(model="svd")
    with pytest.raises(RuntimeError, match="no folder"):
        bpy.ops.align4d.export_pc2(filepath="/nowhere/at/all.pc2")
    assert "not allowed" not in draw(blender)


def test_buttons_tell_errors_in_one_place(blender: ModuleType) -> None:
    """How a job ended is told by the job list too, with its repair."""
    folder = Path(blender.operators.__file__).parent
    telling = {path.name for path in folder.glob("*.py") if 'report({"ERROR"}' in path.read_text(encoding="utf-8")}
    assert telling == {"telling.py", "generate.py"}


def test_repairs_set_what_the_artist_would(blender: ModuleType, tmp_path: Path) -> None:
    settings, ops = bpy.context.scene.align4d, bpy.ops.align4d
    settings.first, settings.preset, settings.overrides = 5, "artist", '{"tracking.speed": 1}'
    preferences = blender.align4d_blender.runtime.preferences.get()
    preferences.device = "cuda"
    ops.end_earlier(frames=10)
    ops.use_draft()
    ops.clear_overrides()
    ops.use_any_device()
    ops.use_image(filepath=str(tmp_path / "fox.png"))
    ops.use_gaussians(filepath=str(tmp_path / "fox.ply"))
    assert (settings.last, settings.preset, settings.overrides, preferences.device) == (14, "draft", "", "auto")
    assert Path(bpy.path.abspath(settings.image)) == tmp_path / "fox.png" and Path(bpy.path.abspath(settings.gaussian_asset)) == tmp_path / "fox.ply"


def test_an_engine_that_is_not_there_shows_where_it_is_chosen(blender: ModuleType, tmp_path: Path) -> None:
    runtime = blender.align4d_blender.runtime
    runtime.preferences.get().engine_python = str(tmp_path / "nowhere")
    with pytest.raises(Exception, match="no program at") as caught:
        runtime.preferences.engine_python(runtime.preferences.get())
    assert caught.value.fix == "show_preferences"
