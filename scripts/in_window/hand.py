"""What the artist corrects in a real window: a pose that is kept, frames solved around it, a limb the other way, all results side by side; and
all of it undone."""

from __future__ import annotations

from typing import Any

import bpy
from mouse import Steps, wait_until

FRAME = 12
"""The scene's frame that is corrected."""
PATIENCE = 600.0
"""Seconds that a correction may take."""
MOST_UNDONE = 30
"""Steps of undo after which it is in vain."""
PAGES = 8
"""So often the sidebar is scrolled in search of a button."""


def by_hand(artist: Any, name: str) -> Steps:
    """On a mesh `name` with a motion as a point cache, which it has again afterwards."""
    before = _shape(name)
    yield from _keep(artist, name)
    yield from _press(artist, "solve_around_poses")
    yield from wait_until(lambda: len(_results(name)) == 2, "frames are solved around the pose", PATIENCE)
    yield 1.0
    bpy.context.scene.frame_set(FRAME)
    _expect(_apart(_shape(name), before) > 0.01, "the corrected motion is another one")
    artist.picture("window_solved_around")
    yield from _press(artist, "other_way")
    yield 1.0
    artist.picture("window_other_way")
    artist.press("Return")
    yield from wait_until(lambda: len(_results(name)) == 3, "the limb goes the other way", 60)
    shading = artist.view().spaces.active.shading
    usual, shading.color_type = shading.color_type, "VERTEX"
    bpy.ops.align4d.show_doubt()  # its panel is closed
    yield 1.0
    artist.picture("window_doubt")
    bpy.ops.align4d.show_doubt()
    artist.view().spaces.active.shading.color_type = usual
    yield from _press(artist, "all_side_by_side")
    with artist.override():
        bpy.ops.view3d.view_all()
    yield 2.0
    artist.picture("window_all_side_by_side")
    yield from _undo(artist, name)
    bpy.context.scene.frame_set(FRAME)
    _expect(_apart(_shape(name), before) < 1e-5, "the motion is as it was before")
    artist.picture("window_undone")
    artist.report["corrected_by_hand"] = True


def _keep(artist: Any, name: str) -> Steps:
    """Poses a bone with the keyboard in the view, and keeps that."""
    bpy.context.scene.frame_set(FRAME)
    yield from _press(artist, "pose_by_hand")
    yield from wait_until(lambda: bool(bpy.context.mode == "POSE"), "the bones can be posed", 60)
    rig = bpy.context.view_layer.objects.active
    bone = max(rig.pose.bones, key=lambda one: len(one.parent_recursive))
    bone.bone.select = True
    rig.data.bones.active = bone.bone
    yield 1.0
    stood = bone.matrix.copy()
    artist.point_at_view()
    artist.press("r", "4", "0", "Return")
    yield from wait_until(lambda: bool(bone.matrix != stood), "the keys turn a bone", 20)
    artist.picture("window_pose_by_hand")
    yield from _press(artist, "keep_pose")
    yield from wait_until(lambda: len(_results(name)[0].pins) == 1, "the pose is kept", 20)
    artist.picture("window_kept_pose")


def _press(artist: Any, button: str) -> Steps:
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


def _undo(artist: Any, name: str) -> Steps:
    """Ctrl-Z until nothing of the corrections is left."""
    for _ in range(MOST_UNDONE):
        item = bpy.data.objects[name]
        results = item.align4d.results
        if len(results) == 1 and not results[0].pins and results[0].form == "CACHE" and bpy.context.mode == "OBJECT":
            return
        artist.point_at_view()
        artist.press("ctrl+z")
        yield 1.0
    raise TimeoutError("in vain: undo takes all corrections back")


def _results(name: str) -> Any:
    return bpy.data.objects[name].align4d.results


def _shape(name: str) -> list[tuple[float, ...]]:
    """Where a mesh shows its vertices, in its own space."""
    bpy.context.scene.frame_set(FRAME)
    mesh = bpy.data.objects[name].evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    return [tuple(vertex.co) for vertex in mesh.vertices]


def _apart(one: list[tuple[float, ...]], other: list[tuple[float, ...]]) -> float:
    """The largest difference of two shapes along an axis."""
    return max(abs(a - b) for first, second in zip(one, other, strict=True) for a, b in zip(first, second, strict=True))


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(f"in vain: {what}")
