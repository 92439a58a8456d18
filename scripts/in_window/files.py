"""What the artist does with files in a real window: Save As, Append, Remove Result, Empty Trash. What another file plays stays."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import bpy
from doing import scroll_to_end
from mouse import Mouse, Steps, wait_until

REMOVE, EMPTY = "bpy.ops.align4d.remove_result", "bpy.ops.align4d.empty_trash"

_HEAD = 13
"""Middle of a closed panel's head above the sidebar's end [px]."""


def by_hand(artist: Any, name: str) -> Steps:
    """From a saved scene whose mesh `name` has a motion; the scene is open again afterwards."""
    first = Path(bpy.data.filepath)
    written = first.stat().st_mtime_ns
    artist.point_at_view()
    artist.press("ctrl+s")
    yield from wait_until(lambda: first.stat().st_mtime_ns > written, "Ctrl+S saves the motion", 20)
    motion = _file(name)
    other = artist.out / "elsewhere" / "shot.blend"
    shutil.rmtree(other.parent, ignore_errors=True)
    other.parent.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    yield 1.0
    copied = _file(name)
    _expect(copied.is_file() and copied.is_relative_to(other.parent), "Save As takes the motion along")
    yield from _append(artist, first, name)
    yield from _remove(artist, name, copied)
    _expect(motion.is_file(), "the first file's motion stays")
    bpy.ops.wm.open_mainfile(filepath=str(first))
    yield 1.0
    _select(name)
    _expect(_moves(name), "the first file still plays")


def _append(artist: Any, source: Path, name: str) -> Steps:
    """The mesh of another file comes beside the own one, plays, and plays on after a touch of Speed; then it goes again."""
    before = set(bpy.data.objects)
    with artist.override():
        bpy.ops.wm.append(filepath=f"{source}/Object/{name}", directory=f"{source}/Object/", filename=name)
    yield 1.0
    (added,) = [item for item in set(bpy.data.objects) - before if item.type == "MESH"]
    _expect(_moves(added.name), "what is appended plays")
    added.align4d.results[0].speed = 0.5
    yield 0.5
    _expect(_moves(added.name), "what is appended plays after a touch of Speed")
    artist.picture("window_appended")
    for item in set(bpy.data.objects) - before:
        bpy.data.objects.remove(item)


def _remove(artist: Any, name: str, motion: Path) -> Steps:
    """Remove Result and Empty Trash, each with the mouse and with what it asks."""
    _select(name)
    yield from _open_files(artist)
    yield from scroll_to_end(artist)
    yield from artist.click_on(REMOVE)
    yield 1.0
    artist.picture("window_remove_result")
    artist.press("Return")
    yield from wait_until(lambda: not bpy.data.objects[name].align4d.results, "Remove Result takes the motion off", 20)
    _expect(motion.is_file(), "nothing is deleted before the .blend is saved")
    artist.point_at_view()
    artist.press("ctrl+s")
    yield from wait_until(lambda: not motion.is_file(), "the save moves the files into the trash", 20)
    (thrown,) = (motion.parents[2] / "trash").iterdir()
    _expect(any(thrown.rglob(motion.name)), "the trash has them")
    yield from scroll_to_end(artist)
    yield from artist.click_on(EMPTY)
    yield 1.0
    artist.picture("window_empty_trash")
    artist.press("Return")
    yield from wait_until(lambda: not thrown.exists(), "Empty Trash deletes them", 20)
    artist.report["removed_with_the_mouse"] = True


def _open_files(artist: Mouse) -> Steps:
    """Opens the panel Files, the last of the sidebar, by a click on its head."""
    yield from scroll_to_end(artist)
    region = artist.sidebar()
    artist.move(region.x + region.width // 3, region.y + _HEAD)
    yield 0.3
    artist.click()
    yield 0.5


def _select(name: str) -> None:
    bpy.ops.object.select_all(action="DESELECT")
    item = bpy.data.objects[name]
    item.select_set(True)
    bpy.context.view_layer.objects.active = item


def _file(name: str) -> Path:
    """Where the motion that a mesh plays lies."""
    return Path(bpy.path.abspath(bpy.data.objects[name].align4d.results[0].motion)).resolve()


def _moves(name: str) -> bool:
    """Whether a mesh looks different in another frame."""
    item, scene = bpy.data.objects[name], bpy.context.scene
    shapes = []
    for frame in (2, 9):
        scene.frame_set(frame)
        shapes.append([tuple(vertex.co) for vertex in item.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices])
    return shapes[0] != shapes[1]


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(f"in vain: {what}")
