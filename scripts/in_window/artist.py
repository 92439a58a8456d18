"""What an artist does, in a real window: sees what is missing, picks the video, generates, saves meanwhile, cancels, resumes, plays, compares,
keys, corrects by hand, copies, removes, and generates on a heavy mesh.

Runs inside a windowed Blender in which the extension is enabled; argument: a JSON file, see `scripts/window.py`. The mouse and the
keys are real ones (xdotool); what cannot be found by its place alone is checked by its effect. Writes OUT/report.json and pictures.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

ORDER = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
sys.path.insert(0, ORDER["library"])
import files  # noqa: E402
import hand  # noqa: E402
import heavy  # noqa: E402
import keys  # noqa: E402
from doing import press_button, scroll_to_end  # noqa: E402
from gaps import Gaps  # noqa: E402
from mouse import Mouse, Steps, wait_until  # noqa: E402

EXTENSION = "bl_ext.user_default.align4d"
PATIENCE = 900.0
"""Seconds that a job may take."""

GENERATE = "bpy.ops.align4d.generate"

TRIES = 3
"""Clicks before one that has no effect is in vain."""

PARTS = {"keys": keys.by_button, "hand": hand.by_hand}
"""What can be asked for by itself, on a mesh with a motion as a point cache, which it has again afterwards."""

COMPARED = 20.0
"""Seconds of each measurement without a job, for comparison."""


class Artist(Mouse):
    """Someone with a mouse, who keeps pictures and notes.

    Args:
        order: see `scripts/window.py`.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.out = Path(order["out"])
        self.order = order
        self.jobs = importlib.import_module(f"{EXTENSION}.align4d_blender.jobs.queue")
        self.redraw_sidebars = importlib.import_module(f"{EXTENSION}.align4d_blender.runtime.redraw").redraw
        panels = [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith("ALIGN4D_PT_")]
        self.gaps = Gaps(self.jobs, panels)
        super().__init__(self.gaps.forgive)
        self.report: dict[str, Any] = {"blender": bpy.app.version_string, "pictures": []}

    def picture(self, name: str) -> None:
        """The window as a PNG."""
        self.redraw()
        path = self.out / f"{name}.png"
        subprocess.run(["import", "-window", "root", str(path)], check=True)
        self.report["pictures"].append(path.name)
        self.gaps.forgive()

    def click_until(self, what: str, condition: Callable[[], bool], meaning: str, below: str = "") -> Steps:
        """Clicks on something in the sidebar, again where a click has no effect. Raises TimeoutError."""
        for last in [False] * (TRIES - 1) + [True]:
            yield from self.click_on(what, below)
            try:
                yield from wait_until(condition, meaning, 20)
                return
            except TimeoutError:
                if last:
                    raise


def play(steps: Steps, out: str) -> None:
    """Lets Blender's event loop run between the steps; an error is shown by a last picture, and ends Blender."""

    def go_on() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            return None
        except BaseException:
            traceback.print_exc()
            subprocess.run(["import", "-window", "root", f"{out}/window_failed.png"], check=False)
            bpy.ops.wm.quit_blender()
            return None

    bpy.app.timers.register(go_on, first_interval=0.5, persistent=True)


def at_work(artist: Artist) -> Steps:
    """The whole afternoon."""
    yield from first_run(artist)
    yield from choose(artist)
    yield from match(artist)
    if artist.order["only"]:
        yield from one_part(artist, PARTS[artist.order["only"]])
        return
    yield from compare(artist)
    yield from generate(artist)
    yield from cancel_and_resume(artist)
    artist.report["gaps"]["with the job"] = artist.gaps.stop()
    yield from look(artist)
    for part in PARTS.values():
        yield from part(artist, artist.report["mesh"])
    yield from files.by_hand(artist, artist.report["mesh"])
    yield from heavy.press(artist, EXTENSION)
    yield from show_preferences(artist)
    (artist.out / "report.json").write_text(json.dumps(artist.report, indent=1))
    bpy.ops.wm.quit_blender()


def one_part(artist: Artist, part: Callable[[Artist, str], Steps]) -> Steps:
    """A motion, and what is done with it."""
    yield from artist.click_until(GENERATE, lambda: bool(artist.jobs.listed), "Generate 4D starts a job")
    job = artist.jobs.current()
    yield from wait_until(lambda: bool(job.ended), "the job ends", PATIENCE)
    yield 1.0
    yield from part(artist, bpy.context.view_layer.objects.active.name)
    (artist.out / "report.json").write_text(json.dumps(artist.report, indent=1))
    bpy.ops.wm.quit_blender()


def first_run(artist: Artist) -> Steps:
    """No engine yet: the panel says the one next step; the preferences offer it."""
    bpy.ops.wm.open_mainfile(filepath=artist.order["scene"])
    yield 1.0
    artist.view().spaces.active.show_region_ui = True
    artist.view().spaces.active.shading.color_type = "TEXTURE"
    yield 0.5
    artist.sidebar().active_panel_category = "Align4D"
    yield 1.0
    artist.picture("window_first_run")
    bpy.context.preferences.addons[EXTENSION].preferences.engine_python = artist.order["engine_python"]
    bpy.context.preferences.addons[EXTENSION].preferences.device = "cpu"
    settings = bpy.context.scene.align4d
    settings.preset, settings.last, settings.overrides = artist.order["preset"], artist.order["last"], artist.order["overrides"]
    artist.sidebar().tag_redraw()
    yield 1.0
    artist.picture("window_what_is_missing")


def choose(artist: Artist) -> Steps:
    """Selects the mesh, and types the video's path into its field."""
    mesh = next(item for item in bpy.context.scene.objects if item.type == "MESH")
    mesh.select_set(True)
    bpy.context.view_layer.objects.active = mesh
    with artist.override():
        bpy.ops.view3d.view_selected()
    artist.sidebar().tag_redraw()
    yield 1.0
    yield from drop(artist)
    bpy.context.scene.align4d.video, bpy.context.scene.align4d.last = "", artist.order["last"]
    for _ in range(TRIES):
        yield from artist.click_on("video", twice=True)
        artist.press("ctrl+a")
        artist.type(artist.order["video"])
        artist.press("Return")
        yield 1.0
        if bpy.context.scene.align4d.video == artist.order["video"]:
            break
        artist.press("Escape")
    else:
        raise RuntimeError(f"the video's field holds {bpy.context.scene.align4d.video!r}")
    artist.picture("window_ready")


def match(artist: Artist) -> Steps:
    """Presses Match First Frame, and sees the mesh over the clip's first frame."""
    matching = importlib.import_module(f"{EXTENSION}.align4d_blender.capture.first_frame_match")
    yield from press_button(artist, "match_first_frame")
    yield from wait_until(lambda: matching.found(bpy.context.scene) is not None, "mesh and first frame are compared", 120)
    yield 2.0
    artist.picture("window_first_frame")
    artist.report["first_frame"] = matching.found(bpy.context.scene)["overlap"]


def drop(artist: Artist) -> Steps:
    """Drops the video onto the 3D view; Blender asks what it shall be, because it can show it on an empty itself."""
    x, y = artist.point_at_view()
    window = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", "Blender"], capture_output=True, text=True).stdout.split()[-1]
    video = bpy.path.abspath(artist.order["video"])
    program = [sys.executable, str(Path(artist.order["library"]) / "drop.py"), video, window, str(x), str(y)]
    dropped = subprocess.Popen(program)
    yield from wait_until(lambda: dropped.poll() is not None, "the window takes the video", 60)
    if dropped.returncode:
        raise RuntimeError("the window did not take the video")
    yield 2.0
    artist.picture("window_drop")
    artist.press("u")  # Use as Reference Video
    yield from wait_until(lambda: bpy.context.scene.align4d.video == artist.order["video"], "the dropped video is the reference", 30)
    artist.report["dropped"] = True
    yield 1.0


def compare(artist: Artist) -> Steps:
    """The same window without a job: left alone, with its sidebar drawn as often as during a job, and that beside programs that take every core."""
    artist.report["gaps"] = {}
    artist.point_at_view()
    for name, drawn, programs in (("left alone", False, 0), ("sidebar drawn", True, 0), ("sidebar drawn, cores taken", True, artist.order["cores"])):
        burners = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(programs)]
        yield 1.0
        artist.gaps.start(name)
        end = time.monotonic() + COMPARED
        while time.monotonic() < end:
            if drawn:
                artist.redraw_sidebars()
            yield 0.2
        artist.report["gaps"][name] = artist.gaps.stop()
        for burner in burners:
            burner.kill()
            burner.wait()


def generate(artist: Artist) -> Steps:
    """Presses Generate 4D, sees the bar move, and saves the file meanwhile."""
    yield from artist.click_until(GENERATE, lambda: bool(artist.jobs.listed), "Generate 4D starts a job")
    job = artist.jobs.current()
    artist.gaps.start("the job runs")
    yield from wait_until(lambda: job.pictures > 2, "a live picture", PATIENCE)
    yield from scroll_to_end(artist)
    artist.picture("window_running")
    seen = job.fraction
    yield from wait_until(lambda: job.fraction > seen, "the bar moves", PATIENCE)
    before = Path(bpy.data.filepath).stat().st_mtime_ns
    artist.gaps.doing = "saving"
    artist.point_at_view()
    artist.press("ctrl+s")
    yield from wait_until(lambda: Path(bpy.data.filepath).stat().st_mtime_ns > before, "Ctrl+S saves while the job runs", 20)
    artist.report["saved_while_running"] = job.state == "running"


def cancel_and_resume(artist: Artist) -> Steps:
    """Cancels with the mouse, resumes with the mouse, and waits for the motion."""
    job = artist.jobs.current()
    artist.picture("window_bar_moved")
    artist.gaps.doing = "cancelling"
    yield from artist.find("bpy.ops.align4d.cancel")
    began = time.monotonic()
    yield from artist.click_until("bpy.ops.align4d.cancel", lambda: bool(job.state == "cancelled"), "Cancel stops the job")
    artist.report["seconds_to_cancel"] = time.monotonic() - began
    yield 1.0
    artist.picture("window_cancelled")
    artist.gaps.doing = "resuming"
    yield from artist.click_until("bpy.ops.align4d.resume", lambda: not job.ended, "Resume lets it go on")
    artist.point_at_view()
    artist.gaps.doing = "the job runs again"
    yield from wait_until(lambda: job.state not in {"queued", "running"}, "the engine is done", PATIENCE)
    artist.gaps.doing = "the motion arrives"
    yield from wait_until(lambda: bool(job.ended), "the job ends", PATIENCE)
    yield 1.0
    artist.report["job"] = job.state
    if job.state != "done":
        raise RuntimeError(str(job.error))


def look(artist: Artist) -> Steps:
    """Plays the motion, looks at it through the solved camera, and beside the clip; and at the preferences."""
    mesh = bpy.context.view_layer.objects.active
    bpy.context.scene.frame_set(1)
    yield 1.0
    artist.picture("window_done")
    artist.point_at_view()
    artist.press("space")
    began = time.monotonic()
    yield from wait_until(lambda: bool(bpy.context.scene.frame_current > 4), "the space key plays the motion", 120)
    artist.report["seconds_for_four_frames"] = time.monotonic() - began
    artist.press("space")
    yield 0.5
    bpy.context.scene.frame_set(14)
    with artist.override():
        bpy.ops.align4d.look_through()
    yield 1.5
    artist.picture("window_through_camera")
    with artist.override():
        bpy.ops.align4d.side_by_side()
    yield 2.0
    artist.picture("window_side_by_side")
    artist.report["views_side_by_side"] = len([area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D"])
    with artist.override():
        bpy.ops.align4d.side_by_side()
    yield 1.0
    artist.report["views_afterwards"] = len([area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D"])
    artist.point_at_view()
    artist.press("F3")
    yield 1.0
    artist.type("bake to shape")
    yield 2.0
    artist.picture("window_search")
    artist.press("Escape")
    yield 1.0
    with artist.override():
        bpy.ops.align4d.show_log("INVOKE_DEFAULT")
    yield 2.0
    artist.picture("window_log")
    artist.press("Escape")
    yield 1.0
    artist.report["mesh"], artist.report["results"] = mesh.name, [result.name for result in mesh.align4d.results]


def show_preferences(artist: Artist) -> Steps:
    """The extension's preferences, examined."""
    bpy.ops.align4d.examine_engine()
    setup = importlib.import_module(f"{EXTENSION}.align4d_blender.runtime.setup")
    yield from wait_until(lambda: not setup.examining(), "the doctor's report", 120)
    area = artist.view()
    area.type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Align4D"
    yield 1.0
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area):
        bpy.ops.preferences.addon_expand(module=EXTENSION)
    yield 2.0
    artist.picture("window_preferences")
    artist.report["doctor"] = {line.name: line.works for line in setup.report().lines}


if __name__ == "__main__":
    play(at_work(Artist(ORDER)), ORDER["out"])
