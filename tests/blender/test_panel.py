"""The panels draw in each state, and say what is missing where it is missing. A recording layout stands in for the window."""

from __future__ import annotations

import ast
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


def test_an_ended_job_says_how(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mesh()
    use_video(tmp_path)
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs
    job = jobs.start(bpy.context)
    jobs.cancel()
    jobs.wait(job)
    assert "Cancelled; nothing has changed" in draw(blender)


def test_a_running_job_shows_its_own_objects(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = add_mesh("Fox")
    use_video(tmp_path)
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    job = blender.align4d_blender.jobs.start(bpy.context)
    item.select_set(False)
    assert "Fox" in draw(blender) and "Select the mesh" not in draw(blender)
    blender.align4d_blender.jobs.cancel()
    blender.align4d_blender.jobs.wait(job)
    assert "Select the mesh" in draw(blender)


def test_progress_in_an_artists_words(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mesh()
    use_video(tmp_path)
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs
    job = jobs.start(bpy.context)
    jobs._take(job, {"event": "stage", "name": "camera", "index": 2, "count": 6})
    assert "Finding the camera\nStep 3 of 6\n" in draw(blender)
    jobs._take(job, {"event": "progress", "done": 1, "total": 40, "eta": 1277.0})
    assert "Step 3 of 6\n" in draw(blender), "the first step compiles code: its time says nothing about the others"
    jobs._take(job, {"event": "progress", "done": 20, "total": 40, "eta": 139.0})
    assert "Step 3 of 6, 2 min left in it" in draw(blender)
    jobs._take(job, {"event": "progress", "done": 39, "total": 40, "eta": 0.4})
    assert "Step 3 of 6, 5 s left in it" in draw(blender)
    jobs.cancel()
    jobs.wait(job)


@pytest.mark.parametrize(("width", "scale"), [(150, 1.0), (291, 1.0), (582, 2.0)])
def test_sentences_are_wrapped_to_the_sidebar(blender: ModuleType, width: int, scale: float) -> None:
    layout = Layout()
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=scale))
    context = SimpleNamespace(region=SimpleNamespace(width=width), preferences=preferences)
    sentence = "Align4D does not know where its engine is. Set Engine Python in Edit > Preferences > Add-ons > Align4D."
    blender.panels.text.paragraph(layout, context, sentence, "ERROR")
    assert " ".join(layout.drawn) == sentence
    assert max(map(len, layout.drawn)) * 6 <= max(width / scale - 60, 100)


def test_quality_offers_what_the_engine_has(blender: ModuleType) -> None:
    """Read from the engine's source: its settings need torch, which Blender does not have."""
    tree = ast.parse((Path(blender.__file__).parent / "engine" / "align4d" / "settings.py").read_text(encoding="utf-8"))
    values = [node.value for node in tree.body if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "PRESETS"]
    assert isinstance(values[0], ast.Dict)
    offered = bpy.types.Scene.bl_rna.properties["align4d"].fixed_type.properties["preset"].enum_items.keys()
    assert set(offered) == {ast.literal_eval(key) for key in values[0].keys if key}


def test_result(blender: ModuleType, tmp_path: Path) -> None:
    panel = blender.panels.sidebar.ALIGN4D_PT_result
    item = add_mesh("Fox")
    use_video(tmp_path)
    assert not panel.poll(bpy.context)
    bpy.ops.align4d.generate()
    assert panel.poll(bpy.context)
    shown = draw(blender, "result")
    assert "Fox" in shown and "Align4D Camera" in shown and "Look Through Camera" in shown and "Remove Result" in shown and "gone" not in shown
    assert "The motion is on Fox" in draw(blender) and "A note of the engine." in draw(blender)
    Path(bpy.path.abspath(item.modifiers[0].filepath)).unlink()
    assert "Its file is gone: motion_000.pc2" in draw(blender, "result")


def test_only_sidebars_are_redrawn_and_only_for_news(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing a heavy 3D view takes long: ten times a second it would block the window."""
    add_mesh()
    use_video(tmp_path)
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs
    drawn: list[str] = []
    regions = [SimpleNamespace(type=kind, tag_redraw=lambda kind=kind: drawn.append(kind)) for kind in ("HEADER", "WINDOW", "UI")]
    screen = SimpleNamespace(areas=[SimpleNamespace(type=kind, regions=regions) for kind in ("VIEW_3D", "PROPERTIES")])
    context = SimpleNamespace(window_manager=SimpleNamespace(windows=[SimpleNamespace(screen=screen)]))
    job = jobs.start(bpy.context)
    monkeypatch.setattr(jobs, "bpy", SimpleNamespace(context=context, app=bpy.app, data=bpy.data))
    jobs.watch(lambda _job: None)
    tick = jobs._timers[-1]
    while job.stage != "Moving":
        tick()
        time.sleep(0.01)
    assert drawn == ["UI"]
    tick()
    assert drawn == ["UI"], "nothing has happened"
    monkeypatch.undo()
    jobs.cancel()
    jobs.wait(job)


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
