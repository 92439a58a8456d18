"""The panels draw in each state, and say what is missing where it is missing. A recording layout stands in for the window."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import pytest
from scenes import add_mesh, use_video


class Layout:
    """Notes what is drawn; refuses what Blender would not know."""

    def __init__(self, drawn: list[str] | None = None) -> None:
        self.drawn: list[str] = [] if drawn is None else drawn

    def column(self, align: bool = False) -> Layout:
        return Layout(self.drawn)

    row = box = column

    def label(self, text: str = "", icon: str = "NONE") -> None:
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
        self.drawn.append(text)

    def prop(self, owner: Any, name: str, text: str | None = None) -> None:
        self.drawn.append(owner.bl_rna.properties[name].name if text is None else text)

    def progress(self, factor: float, text: str) -> None:
        assert 0 <= factor <= 1
        self.drawn.append(text)

    def operator(self, name: str, text: str = "", icon: str = "NONE") -> SimpleNamespace:
        group, function = name.split(".")
        self.drawn.append(text or getattr(getattr(bpy.ops, group), function).get_rna_type().name)
        return SimpleNamespace()


def draw(blender: ModuleType, panel: str = "generate") -> str:
    """All that a panel shows, a line each."""
    layout = Layout()
    cls = getattr(blender.panels.sidebar, f"ALIGN4D_PT_{panel}")
    cls.draw(SimpleNamespace(layout=layout), bpy.context)
    return "\n".join(layout.drawn)


def test_what_is_missing_is_said(blender: ModuleType) -> None:
    bpy.context.preferences.addons[blender.__name__].preferences.engine_python = ""
    shown = draw(blender)
    for sentence in ("does not know where its engine is", "Select the mesh", "Choose a movie", "No camera in the scene: front view", "Generate 4D"):
        assert sentence in shown


def test_nothing_is_missing(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh("Fox")
    use_video(tmp_path)
    shown = draw(blender)
    assert "Fox" in shown and "Select" not in shown and "engine" not in shown and "Choose" not in shown
    assert "Refine Camera" in draw(blender, "advanced")


def test_progress_cancel_and_failure(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mesh()
    use_video(tmp_path)
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs
    job = jobs.start(bpy.context)
    while job.stage != "Moving":
        jobs.step(job)
        time.sleep(0.01)
    assert "Moving" in draw(blender) and "Cancel" in draw(blender) and "Generate 4D" not in draw(blender)
    jobs.cancel()
    jobs.wait(job)
    assert "Generate 4D" in draw(blender)
    jobs.shut_down()
    monkeypatch.setenv("FAKE_ENGINE", "refuse")
    with pytest.raises(RuntimeError):
        bpy.ops.align4d.generate()
    assert "never overlaps the mesh" in draw(blender) and "Turn the camera" in draw(blender)


def test_result(blender: ModuleType, tmp_path: Path) -> None:
    panel = blender.panels.sidebar.ALIGN4D_PT_result
    item = add_mesh("Fox")
    use_video(tmp_path)
    assert not panel.poll(bpy.context)
    bpy.ops.align4d.generate()
    assert panel.poll(bpy.context)
    shown = draw(blender, "result")
    assert "Fox" in shown and "Align4D Camera" in shown and "Remove Result" in shown and "gone" not in shown
    assert "A note of the engine." in draw(blender)
    Path(bpy.path.abspath(item.modifiers[0].filepath)).unlink()
    assert "Its file is gone: motion_000.pc2" in draw(blender, "result")


def test_button_returns_at_once_and_a_timer_goes_on(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timers do not fire without a window: the test turns the one that was set."""
    add_mesh()
    use_video(tmp_path)
    jobs, ended = blender.align4d_blender.jobs, []
    job = jobs.start(bpy.context)
    jobs.watch(ended.append)
    tick = jobs._timers[-1]
    assert bpy.app.timers.is_registered(tick) and not job.ended
    while (pause := tick()) is not None:
        assert 0 < pause <= 0.2
        time.sleep(0.01)
    assert ended == [job] and job.state == "done"
