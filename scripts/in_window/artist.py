"""What an artist does, in a real window: sees what is missing, picks the video, generates, saves meanwhile, cancels, resumes, plays, compares.

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
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

EXTENSION = "bl_ext.user_default.align4d"
PATIENCE = 900.0
"""Seconds that a job may take."""

PLACES = {
    "video": (173, 73),
    "generate": (134, 182),
    "cancel": (132, 476),
    "resume": (90, 323),
}
"""Where things are in the sidebar [px from its upper left corner], in Blender's own theme at its own size."""

Steps = Generator[float, None, None]
"""A script of the artist: yields how many seconds Blender is left alone before it goes on."""


class Artist:
    """The mouse, the keyboard, and what is noted down.

    Args:
        order: see `scripts/window.py`.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.out = Path(order["out"])
        self.order = order
        self.jobs = importlib.import_module(f"{EXTENSION}.align4d_blender.jobs")
        self.gaps = Gaps(self.jobs)
        self.report: dict[str, Any] = {"blender": bpy.app.version_string, "pictures": []}

    def view(self) -> bpy.types.Area:
        """The largest 3D view."""
        areas = [area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D"]
        return max(areas, key=lambda area: area.width * area.height)

    def sidebar(self) -> bpy.types.Region:
        return next(region for region in self.view().regions if region.type == "UI")

    def click_on(self, name: str, twice: bool = False) -> Steps:
        """The left button on something in the sidebar. Blender must see the mouse there before it is pressed."""
        self.redraw()
        x, y = self.place(name)
        self._xdotool("mousemove", str(x), str(self._height() - y))
        yield 0.5
        self._xdotool("click", "--repeat", "2" if twice else "1", "--delay", "60", "1")
        yield 0.5

    def place(self, name: str) -> tuple[int, int]:
        """The window's coordinates of something in the sidebar."""
        region = self.sidebar()
        x, y = PLACES[name]
        return region.x + x, region.y + region.height - y

    def press(self, *keys: str) -> None:
        self._xdotool("key", *keys)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "5", text)

    def point_at_view(self) -> None:
        """The mouse rests in the middle of the 3D view, so that keys go there."""
        area = self.view()
        self._xdotool("mousemove", str(area.x + area.width // 3), str(int(self._height() - area.y - area.height // 3)))

    def picture(self, name: str) -> None:
        """The window as a PNG."""
        self.redraw()
        path = self.out / f"{name}.png"
        subprocess.run(["import", "-window", "root", str(path)], check=True)
        self.report["pictures"].append(path.name)
        self.gaps.forgive()

    def redraw(self) -> None:
        """Draws what has changed at once, so that the mouse meets what the eye sees."""
        bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
        self.gaps.forgive()

    def _height(self) -> int:
        return int(bpy.context.window_manager.windows[0].height)

    def _xdotool(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], check=True)
        self.gaps.forgive()


class Gaps:
    """How long the main loop does not come round while a job runs, and how much of that is the extension's own.

    Attributes:
        longest: seconds between two ticks of a 10 ms timer.
        own: the longest tick of the extension's pump.
    """

    def __init__(self, jobs: Any) -> None:
        self.jobs = jobs
        self.gaps: list[float] = []
        self.own: list[float] = []
        self.counting = False
        self._last = 0.0
        self._step = jobs.step
        jobs.step = self._timed_step

    def start(self) -> None:
        self.counting, self._last = True, time.monotonic()
        bpy.app.timers.register(self._tick)

    def stop(self) -> dict[str, float]:
        self.counting = False
        ordered = sorted(self.gaps)
        return {
            "ticks": len(ordered),
            "longest_gap": ordered[-1],
            "gap_99_percent": ordered[int(len(ordered) * 0.99)],
            "gap_median": ordered[len(ordered) // 2],
            "longest_own": max(self.own),
        }

    def forgive(self) -> None:
        """What this script itself has just done is no gap."""
        self._last = time.monotonic()

    def _tick(self) -> float | None:
        now = time.monotonic()
        self.gaps.append(now - self._last)
        self._last = now
        return 0.01 if self.counting else None

    def _timed_step(self) -> bool:
        began = time.monotonic()
        try:
            return bool(self._step())
        finally:
            self.own.append(time.monotonic() - began)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> Steps:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"in vain: {what}")
        yield 0.2


def play(steps: Steps) -> None:
    """Lets Blender's event loop run between the steps; an error ends Blender."""

    def go_on() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            return None
        except BaseException:
            traceback.print_exc()
            bpy.ops.wm.quit_blender()
            return None

    bpy.app.timers.register(go_on, first_interval=0.5, persistent=True)


def at_work(artist: Artist) -> Steps:
    """The whole afternoon."""
    yield from first_run(artist)
    yield from choose(artist)
    yield from generate(artist)
    yield from cancel_and_resume(artist)
    artist.report["redraw"] = artist.gaps.stop()
    yield from look(artist)
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
    with override(artist):
        bpy.ops.view3d.view_selected()
    artist.sidebar().tag_redraw()
    yield 1.0
    yield from artist.click_on("video", twice=True)
    artist.press("ctrl+a")
    artist.type(artist.order["video"])
    artist.press("Return")
    yield 1.0
    if bpy.context.scene.align4d.video != artist.order["video"]:
        artist.picture("window_failed")
        raise RuntimeError(f"the video's field holds {bpy.context.scene.align4d.video!r}")
    artist.picture("window_ready")


def generate(artist: Artist) -> Steps:
    """Presses Generate 4D, sees the bar move, and saves the file meanwhile."""
    yield from artist.click_on("generate")
    yield from wait_until(lambda: bool(artist.jobs.listed), "Generate 4D starts a job", 20)
    job = artist.jobs.current()
    artist.gaps.start()
    yield from wait_until(lambda: job.pictures > 2, "a live picture")
    artist.picture("window_running")
    seen = job.fraction
    yield from wait_until(lambda: job.fraction > seen, "the bar moves")
    before = Path(bpy.data.filepath).stat().st_mtime_ns
    artist.point_at_view()
    artist.press("ctrl+s")
    yield from wait_until(lambda: Path(bpy.data.filepath).stat().st_mtime_ns > before, "Ctrl+S saves while the job runs", 20)
    artist.report["saved_while_running"] = job.state == "running"


def cancel_and_resume(artist: Artist) -> Steps:
    """Cancels with the mouse, resumes with the mouse, and waits for the motion."""
    job = artist.jobs.current()
    artist.picture("window_bar_moved")
    began = time.monotonic()
    yield from artist.click_on("cancel")
    yield from wait_until(lambda: bool(job.state == "cancelled"), "Cancel stops the job", 20)
    artist.report["seconds_to_cancel"] = time.monotonic() - began
    yield 1.0
    artist.picture("window_cancelled")
    yield from artist.click_on("resume")
    yield from wait_until(lambda: not job.ended, "Resume lets it go on", 20)
    yield from wait_until(lambda: bool(job.ended), "the job ends")
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
    with override(artist):
        bpy.ops.align4d.look_through()
    yield 1.5
    artist.picture("window_through_camera")
    with override(artist):
        bpy.ops.align4d.side_by_side()
    yield 2.0
    artist.picture("window_side_by_side")
    artist.report["views_side_by_side"] = len([area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D"])
    with override(artist):
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
    with override(artist):
        bpy.ops.align4d.show_log("INVOKE_DEFAULT")
    yield 2.0
    artist.picture("window_log")
    artist.press("Escape")
    yield 1.0
    artist.report["results"] = [result.name for result in mesh.align4d.results]
    yield from show_preferences(artist)


def show_preferences(artist: Artist) -> Steps:
    """The extension's preferences, examined."""
    bpy.ops.align4d.examine_engine()
    setup = importlib.import_module(f"{EXTENSION}.align4d_blender.engine_setup")
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


@contextmanager
def override(artist: Artist) -> Iterator[None]:
    """The largest 3D view as the place where an operator is called."""
    area = artist.view()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
        yield


if __name__ == "__main__":
    play(at_work(Artist(json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8")))))
