"""What several parts of the artist's afternoon do and check: buttons in the sidebar, undo, and where a mesh is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy
from mouse import Mouse, Steps

FRAME = 12
"""The scene's frame at which meshes are corrected and compared."""
MOST_UNDONE = 30
"""Steps of undo after which it is in vain."""
PAGES = 8
"""So often the sidebar is scrolled in search of a button."""


def press_button(artist: Any, button: str) -> Steps:
    """Clicks on a button, wherever in the sidebar it is."""
    region = artist.sidebar()
    artist.move(region.x + region.width // 2, region.y + region.height // 2)
    artist.scroll_up(80)
    yield 0.5
    for _ in range(PAGES):
        try:
            yield from artist.find(f"bpy.ops.align4d.{button}", seconds=3)
            yield from artist.click_on(f"bpy.ops.align4d.{button}")
            return
        except TimeoutError:
            artist.move(region.x + region.width // 2, region.y + region.height // 2)
            artist.scroll_down(6)
            yield 0.5
    raise TimeoutError(f"in vain: {button} in the sidebar")


def scroll_to_end(artist: Mouse) -> Steps:
    """Turns the wheel over the sidebar until its last panel is seen."""
    region = artist.sidebar()
    region.tag_redraw()
    artist.move(region.x + region.width // 2, region.y + region.height // 2)
    artist.scroll_down(60)
    yield 1.0


def undo(artist: Any, done: Callable[[], bool], what: str) -> Steps:
    """Ctrl-Z until something is so. Raises TimeoutError."""
    for _ in range(MOST_UNDONE):
        if done():
            return
        artist.point_at_view()
        artist.press("ctrl+z")
        yield 1.0
    raise TimeoutError(f"in vain: {what}")


def shape(name: str) -> list[tuple[float, ...]]:
    """Where a mesh shows its vertices at `FRAME`, in its own space."""
    bpy.context.scene.frame_set(FRAME)
    mesh = bpy.data.objects[name].evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    return [tuple(vertex.co) for vertex in mesh.vertices]


def apart(one: list[tuple[float, ...]], other: list[tuple[float, ...]]) -> float:
    """The largest difference of two shapes along an axis."""
    return max(abs(a - b) for first, second in zip(one, other, strict=True) for a, b in zip(first, second, strict=True))


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(f"in vain: {what}")
