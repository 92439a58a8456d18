"""What the artist corrects in a real window: a pose that is kept, frames solved around it, a limb the other way, all results side by side; and
all of it undone."""

from __future__ import annotations

from typing import Any

import bpy
from doing import FRAME, apart, expect, press_button, shape, undo
from mouse import Steps, wait_until

PATIENCE = 600.0
"""Seconds that a correction may take."""


def by_hand(artist: Any, name: str) -> Steps:
    """On a mesh `name` with a motion as a point cache, which it has again afterwards."""
    before = shape(name)
    yield from _keep(artist, name)
    yield from press_button(artist, "solve_around_poses")
    yield from wait_until(lambda: len(_results(name)) == 2, "frames are solved around the pose", PATIENCE)
    yield 1.0
    expect(apart(shape(name), before) > 0.01, "the corrected motion is another one")
    artist.picture("window_solved_around")
    yield from press_button(artist, "other_way")
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
    yield from press_button(artist, "all_side_by_side")
    with artist.override():
        bpy.ops.view3d.view_all()
    yield 2.0
    artist.picture("window_all_side_by_side")
    yield from undo(artist, lambda: _as_before(name), "undo takes all corrections back")
    expect(apart(shape(name), before) < 1e-5, "the motion is as it was before")
    artist.picture("window_undone")
    artist.report["corrected_by_hand"] = True


def _keep(artist: Any, name: str) -> Steps:
    """Poses a bone with the keyboard in the view, and keeps that."""
    bpy.context.scene.frame_set(FRAME)
    yield from press_button(artist, "pose_by_hand")
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
    yield from press_button(artist, "keep_pose")
    yield from wait_until(lambda: len(_results(name)[0].pins) == 1, "the pose is kept", 20)
    artist.picture("window_kept_pose")


def _results(name: str) -> Any:
    return bpy.data.objects[name].align4d.results


def _as_before(name: str) -> bool:
    """Whether nothing of the corrections is left."""
    results = _results(name)
    return len(results) == 1 and not results[0].pins and results[0].form == "CACHE" and bpy.context.mode == "OBJECT"
