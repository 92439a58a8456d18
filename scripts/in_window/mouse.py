"""An artist's mouse and keyboard (xdotool) in a windowed Blender, and eyes that find a field or a button by hovering over it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import bpy

Steps = Generator[float, None, Any]
"""A script of the artist: yields how many seconds Blender is left alone before it goes on."""

COLUMNS = (0.65, 0.3, 0.9, 0.8)
"""Where the mouse goes down through the sidebar in search of something, as parts of its width."""

_ROW = 12
"""Pixels between two places in that search: less than a button's height."""


class Mouse:
    """The mouse and the keyboard.

    Args:
        forgive: called after everything that takes time here, and is no fault of Blender's.
    """

    def __init__(self, forgive: Callable[[], None]) -> None:
        self.forgive = forgive
        self._found: dict[str, int] = {}

    def view(self) -> bpy.types.Area:
        """The largest 3D view."""
        areas = [area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D"]
        return max(areas, key=lambda area: area.width * area.height)

    def sidebar(self) -> bpy.types.Region:
        return next(region for region in self.view().regions if region.type == "UI")

    def find(self, what: str, below: str = "", seconds: float = 60.0) -> Steps:
        """Goes over the sidebar until the mouse is on `what`; returns the place. Raises TimeoutError.

        Args:
            what: a property ("video") or an operator ("bpy.ops.align4d.generate").
            below: something that was found before, and is higher up.
            seconds: after this long it is in vain. Every sweep is slower than the one before, for slow machines.
        """
        end, patience, seen = time.monotonic() + seconds, 0.05, set()
        while time.monotonic() < end:
            self.redraw()
            yield 0.2
            for x, y in self._places(self._found.get(below)):
                self.move(x, y)
                yield patience
                seen.add(self.hovered())
                if self.is_on(what):
                    self._found[what] = y
                    return x, y
            patience *= 2
        raise TimeoutError(f"in vain: {what} in the sidebar, only {sorted(seen)}")

    def click_on(self, what: str, below: str = "", twice: bool = False) -> Steps:
        """The left button on something in the sidebar, once the mouse is seen there."""
        x, y = yield from self.find(what, below)
        self.move(x + 3, y)
        yield 0.2
        if not self.is_on(what):
            x, y = yield from self.find(what, below)
        self._xdotool("click", "--repeat", "2" if twice else "1", "--delay", "60", "1")
        yield 0.3

    def is_on(self, what: str) -> bool:
        """Whether the mouse is on it."""
        return self.hovered().split("(")[0] == what

    def hovered(self) -> str:
        """The property or the operator under the mouse in the sidebar, as Blender itself sees it; empty where there is none."""
        with self.override("UI"):
            found = bpy.context.property
            if found:
                return str(found[1])
            if bpy.ops.ui.copy_python_command_button.poll():
                bpy.ops.ui.copy_python_command_button()
                return str(bpy.context.window_manager.clipboard)
        return ""

    def move(self, x: int, y: int) -> None:
        """To a place in the window's coordinates, whose origin is below."""
        self._xdotool("mousemove", str(x), str(self._height() - y))

    def click(self) -> None:
        """The left button, where the mouse is."""
        self._xdotool("click", "1")

    def scroll_down(self, steps: int) -> None:
        """Turns the wheel, where the mouse is."""
        self._xdotool("click", "--repeat", str(steps), "--delay", "10", "5")

    def scroll_up(self, steps: int) -> None:
        """The same the other way."""
        self._xdotool("click", "--repeat", str(steps), "--delay", "10", "4")

    def press(self, *keys: str) -> None:
        self._xdotool("key", *keys)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "5", text)

    def point_at_view(self) -> tuple[int, int]:
        """The mouse rests in the middle of the 3D view, so that keys go there. Returns its place, counted from above."""
        area = self.view()
        x, y = area.x + area.width // 3, area.y + area.height // 3
        self.move(x, y)
        return x, self._height() - y

    def redraw(self) -> None:
        """Draws what has changed at once, so that the mouse meets what the eye sees."""
        bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
        self.forgive()

    @contextmanager
    def override(self, region_type: str = "WINDOW") -> Iterator[None]:
        """A region of the largest 3D view as the place where something is asked or called."""
        area = self.view()
        region = next(region for region in area.regions if region.type == region_type)
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
            yield

    def _places(self, top: int | None) -> Iterator[tuple[int, int]]:
        """From top to bottom, column by column."""
        region = self.sidebar()
        for column in COLUMNS:
            for y in range((top or region.y + region.height) - _ROW, region.y, -_ROW):
                yield region.x + round((region.width - 25) * column), y

    def _height(self) -> int:
        return int(bpy.context.window_manager.windows[0].height)

    def _xdotool(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], check=True)
        self.forgive()


def wait_until(condition: Callable[[], bool], what: str, seconds: float) -> Steps:
    """Leaves Blender alone until something is so. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"in vain: {what}")
        yield 0.2
