"""The panels draw in each state, and say what is missing where it is missing. A recording layout stands in for the window."""

from __future__ import annotations

import ast
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest
from scenes import add_mesh, use_video


class Layout:
    """Notes what is drawn; refuses what Blender would not know."""

    def __init__(self, drawn: list[str] | None = None) -> None:
        self.drawn: list[str] = [] if drawn is None else drawn
        self.enabled = True

    def column(self, align: bool = False) -> Layout:
        return Layout(self.drawn)

    row = box = column

    def label(self, text: str = "", icon: str = "NONE") -> None:
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
        self.drawn.append(text)

    def prop(self, owner: Any, name: str, text: str | None = None, **_options: object) -> None:
        self.drawn.append(owner.bl_rna.properties[name].name if text is None else text)

    def prop_search(self, owner: Any, name: str, among: Any, collection: str) -> None:
        assert hasattr(among, collection)
        self.drawn.append(owner.bl_rna.properties[name].name)

    def progress(self, factor: float, text: str) -> None:
        assert 0 <= factor <= 1
        self.drawn.append(text)

    def template_icon(self, icon_value: int, scale: float) -> None:
        self.drawn.append("(picture)")

    def template_list(self, kind: str, _id: str, owner: Any, name: str, _active_owner: Any, _active: str, rows: int) -> None:
        assert hasattr(bpy.types, kind)
        self.drawn += [item.name for item in getattr(owner, name)]

    def menu(self, name: str, text: str = "", icon: str = "NONE") -> None:
        assert hasattr(bpy.types, name)
        self.drawn.append(text or getattr(bpy.types, name).bl_label)

    def operator(self, name: str, text: str = "", icon: str = "NONE", depress: bool = False) -> SimpleNamespace:
        group, function = name.split(".")
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
        if not self.enabled:
            text = f"({getattr(getattr(bpy.ops, group), function).get_rna_type().name})"
        self.drawn.append(text or getattr(getattr(bpy.ops, group), function).get_rna_type().name)
        return SimpleNamespace()


def draw(blender: ModuleType, panel: str = "generate") -> str:
    """All that a panel shows, a line each; the words of a gray button are in brackets."""
    layout = Layout()
    cls = getattr(bpy.types, f"ALIGN4D_PT_{panel}")
    cls.draw(SimpleNamespace(layout=layout), bpy.context)
    return "\n".join(layout.drawn)


def draw_preferences(blender: ModuleType) -> str:
    layout = Layout()
    blender.panels.preferences.Align4DPreferences.draw(SimpleNamespace(layout=layout), bpy.context)
    return "\n".join(layout.drawn)


def test_the_first_run_says_the_one_next_step(blender: ModuleType) -> None:
    chosen = blender.align4d_blender.runtime.preferences.get()
    chosen.engine_python = ""
    shown = draw(blender)
    assert "engine is not installed yet" in shown and "Select the mesh" not in shown and "Generate" not in shown
    assert "Allow Online Access" in shown and "Install Engine" not in shown, "the network comes first"
    chosen.wheels = "somewhere"
    assert "Install Engine" in draw(blender) and "Allow Online Access" not in draw(blender)
    chosen.wheels = ""


def test_what_is_missing_is_said(blender: ModuleType, tmp_path: Path) -> None:
    shown = draw(blender)
    for sentence in ("Select the mesh", "Choose a movie", "No camera in the scene: front view", "(Generate 4D)"):
        assert sentence in shown
    add_mesh("Fox")
    bpy.context.scene.align4d.video = str(tmp_path / "gone.mp4")
    assert "There is no video at" in draw(blender)
    (tmp_path / "words.txt").write_text("words")
    bpy.context.scene.align4d.video = str(tmp_path / "words.txt")
    assert "words.txt is neither a movie nor an image" in draw(blender)
    camera = bpy.data.objects.new("Flat", bpy.data.cameras.new("Flat"))
    camera.data.type = "ORTHO"
    bpy.context.scene.camera = camera
    assert "Flat is not a perspective camera" in draw(blender)
    bpy.ops.object.mode_set(mode="EDIT")
    assert "Leave Edit Mode" in draw(blender) and "(Generate 4D)" in draw(blender)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.object.data.clear_geometry()
    assert "Fox has no faces" in draw(blender)


def test_nothing_is_missing(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh("Fox")
    use_video(tmp_path)
    shown = draw(blender)
    assert "Fox" in shown and "Select" not in shown and "engine" not in shown and "Choose" not in shown
    assert "\nGenerate 4D" in shown
    shown = draw(blender, "advanced")
    assert "Refine Camera" in shown and "Held Still" in shown and "Held on Ground" in shown


def start_slow_job(blender: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A job that has begun to move."""
    use_video(folder)
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs.queue
    job = jobs.start(bpy.context)
    while job.stage != "Moving":
        jobs.step()
        time.sleep(0.01)
    return job


def test_jobs_in_every_state(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel, jobs = bpy.types.ALIGN4D_PT_jobs, blender.align4d_blender.jobs.queue
    item = add_mesh("Fox")
    assert not panel.poll(bpy.context)
    job = start_slow_job(blender, tmp_path / "video", monkeypatch)
    item.select_set(False)
    item.name = "Wolf"
    assert panel.poll(bpy.context)
    assert draw(blender, "jobs") == "Fox, frame_0001.png\nMoving\nStep 1 of 2\nCancel\nShow Log"
    item.select_set(True)
    assert "\nGenerate 4D" in draw(blender), "further jobs can wait behind it"
    queued = jobs.start(bpy.context)
    assert "Wolf, frame_0001.png\nWaits for 1 other job\nCancel" in draw(blender, "jobs")
    for one in (queued, job):
        jobs.cancel(one)
        jobs.wait(one)
    shown = draw(blender, "jobs")
    assert shown.count("Cancelled; nothing has changed") == 2 and "Resume" in shown and "Release Engine" in shown
    jobs.shut_down()
    assert "Release Engine" not in draw(blender, "jobs")
    monkeypatch.setenv("FAKE_ENGINE", "refuse")
    with pytest.raises(RuntimeError):
        bpy.ops.align4d.generate()
    shown = draw(blender, "jobs")
    assert "never overlaps the mesh" in shown and "Turn the camera" in shown and "Resume" in shown


def test_the_button_that_an_error_names_stands_above_the_notes(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mesh("Fox")
    job = start_slow_job(blender, tmp_path, monkeypatch)
    job.notes.append("Something to know.")
    assert draw(blender, "jobs").endswith("Cancel\nShow Log\nSomething to know.")


def test_progress_in_an_artists_words(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mesh()
    job = start_slow_job(blender, tmp_path, monkeypatch)
    take = blender.align4d_blender.jobs.progress.take
    take(job, {"event": "stage", "name": "camera", "index": 3, "count": 7})
    assert "Finding the camera\nStep 4 of 7\n" in draw(blender, "jobs")
    take(job, {"event": "progress", "done": 1, "total": 40, "eta": 1277.0})
    assert "Step 4 of 7\n" in draw(blender, "jobs"), "the first step compiles code: its time says nothing about the others"
    take(job, {"event": "progress", "done": 20, "total": 40, "eta": 10.0})
    assert "Step 4 of 7, 95 s left" not in draw(blender, "jobs") and "Step 4 of 7, 2 min left" in draw(blender, "jobs"), "10 s here, 87 s after it"
    take(job, {"event": "stage", "name": "baking", "index": 6, "count": 7})
    take(job, {"event": "progress", "done": 39, "total": 40, "eta": 0.4})
    assert "Step 7 of 7, 5 s left" in draw(blender, "jobs")


def test_the_live_picture_is_drawn(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_mesh()
    job = start_slow_job(blender, tmp_path, monkeypatch)
    jobs = blender.align4d_blender.jobs.queue
    assert "(picture)" not in draw(blender, "jobs")
    np.save(job.folder / "work" / "preview.npy", np.zeros((4, 8, 3), np.uint8))
    blender.align4d_blender.jobs.progress.take(job, {"event": "preview", "image": "work/preview.npy"})
    assert draw(blender, "jobs").count("(picture)") == 2
    jobs.cancel(job)
    jobs.wait(job)
    assert "(picture)" not in draw(blender, "jobs")


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
    tree = ast.parse((Path(blender.__file__).parent / "engine" / "align4d" / "pipeline" / "settings.py").read_text(encoding="utf-8"))
    values = [node.value for node in tree.body if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "PRESETS"]
    assert isinstance(values[0], ast.Dict)
    offered = bpy.types.Scene.bl_rna.properties["align4d"].fixed_type.properties["preset"].enum_items.keys()
    assert set(offered) == {ast.literal_eval(key) for key in values[0].keys if key}


def test_result(blender: ModuleType, tmp_path: Path) -> None:
    panel = bpy.types.ALIGN4D_PT_result
    item = add_mesh("Fox")
    use_video(tmp_path)
    assert not panel.poll(bpy.context) and not bpy.types.ALIGN4D_PT_comparison.poll(bpy.context)
    bpy.ops.align4d.generate()
    assert panel.poll(bpy.context)
    shown = draw(blender, "result")
    for words in ("frame_0001.png, artist", "Start", "Play", "Speed", "Strength", "Mute", "Bake to Shape Keys", "Remove Result"):
        assert words in shown
    assert "gone" not in shown
    shown = draw(blender, "comparison")
    for words in ("Look Through Camera", "Side by Side", "Clip", "Opacity", "Depth"):
        assert words in shown
    assert "Bring Back" not in draw(blender, "jobs")
    assert "The motion is on Fox" in draw(blender, "jobs") and "A note of the engine." in draw(blender, "jobs")
    Path(bpy.path.abspath(item.modifiers[0].filepath)).unlink()
    assert "Its file is gone: motion_000.pc2" in draw(blender, "result")
    add_mesh("Other")
    assert "Select an object with a motion: Fox" in draw(blender, "result")


def test_preferences(blender: ModuleType, tmp_path: Path) -> None:
    chosen = blender.align4d_blender.runtime.preferences.get()
    assert "An existing engine is used" in draw_preferences(blender)
    chosen.engine_python = str(tmp_path / "nowhere")
    assert "There is no program at" in draw_preferences(blender)
    chosen.engine_python = ""
    shown = draw_preferences(blender)
    for words in ("not installed", "Allow Online Access", "(Install Engine)", "Made For", "Wheels", "Use Existing", "Device", "Examine"):
        assert words in shown


def test_only_sidebars_are_redrawn_and_only_for_news(blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing a heavy 3D view takes long: ten times a second it would block the window."""
    add_mesh()
    use_video(tmp_path)
    monkeypatch.setenv("FAKE_ENGINE", "slow")
    jobs = blender.align4d_blender.jobs.queue
    drawn: list[str] = []
    regions = [SimpleNamespace(type=kind, tag_redraw=lambda kind=kind: drawn.append(kind)) for kind in ("HEADER", "WINDOW", "UI")]
    screen = SimpleNamespace(areas=[SimpleNamespace(type=kind, regions=regions) for kind in ("VIEW_3D", "PROPERTIES")])
    context = SimpleNamespace(window_manager=SimpleNamespace(windows=[SimpleNamespace(screen=screen)]))
    job = jobs.start(bpy.context)
    monkeypatch.setattr(blender.align4d_blender.runtime.redraw, "bpy", SimpleNamespace(context=context))
    while job.stage != "Moving":
        jobs._tick()
        time.sleep(0.01)
    assert drawn == ["UI"]
    jobs._tick()
    assert drawn == ["UI"], "nothing has happened"


def test_a_timer_goes_on_until_every_job_has_ended(blender: ModuleType, tmp_path: Path) -> None:
    """Timers do not fire without a window: the test turns the one that was set."""
    add_mesh()
    use_video(tmp_path)
    jobs, ended = blender.align4d_blender.jobs.queue, []
    started = [jobs.start(bpy.context) for _ in range(2)]
    jobs.watch()
    jobs.watch()
    assert bpy.app.timers.is_registered(jobs._tick) and not any(job.ended for job in started)
    jobs.on_end.append(ended.append)
    while (pause := jobs._tick()) is not None:
        assert 0 < pause <= 0.2
        time.sleep(0.01)
    jobs.on_end.pop()
    assert ended == started and all(job.state == "done" for job in started)
