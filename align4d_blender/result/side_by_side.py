"""All results of an object side by side in the 3D view: the best one is chosen with a click."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Vector

from ..errors import UserError
from . import beside, results
from .playback import PlayedResult, active, scene_of, together

GAP = 1.15
"""From one to the next, in widths of what moves."""


def lay_out(item: bpy.types.Object, right: Vector) -> list[bpy.types.Object]:
    """Shows all other results of an object beside it, to the `right` (3,), each on a copy of what moves; returns the empties that show them.

    Raises: UserError where there is no other one, or where an armature plays one of them: it would bend the copies too.
    """
    playing = active(item)
    if playing is None or len(item.align4d.results) < 2:
        raise UserError("no_variations", f"{item.name} has one motion only.", "Press Variations for others.")
    if any(result.form == "KEYFRAMES" for result in item.align4d.results):
        message = "A motion of the list is keyframes, and its armature would move the others too."
        raise UserError("keyframes", message, "Choose it, press Back to Point Cache, and try again.")
    close(item)
    moved = [other for other, _ in together(item, playing)]
    step = GAP * _width(moved, right) * right.normalized()
    others = [result for result in item.align4d.results if result.job != playing.job]
    return [_show(moved, result, number * step) for number, result in enumerate(others, 1)]


def close(item: bpy.types.Object) -> None:
    """Takes away what is shown beside an object."""
    for empty in beside.of(item):
        beside.remove(empty)


def choose(empty: bpy.types.Object) -> bpy.types.Object:
    """Lets the object beside which an empty stands play what that shows, and takes all of them away. Raises UserError where it is gone."""
    item = beside.owner(empty)
    if item is None:
        raise UserError("no_result", "The motion that is shown here is gone.", "Delete this empty.")
    index = [result.job for result in item.align4d.results].index(empty.align4d.job)
    close(item)
    item.align4d.active = index
    return item


def _show(moved: Sequence[bpy.types.Object], result: PlayedResult, offset: Vector) -> bpy.types.Object:
    """An empty at `offset` that shows copies of the objects, which play a result."""
    shown = bpy.data.collections.new(result.name)
    for item in moved:
        copy = item.copy()
        for index in reversed(range(len(copy.align4d.results))):
            if copy.align4d.results[index].job != result.job:
                copy.align4d.results.remove(index)
        if copy.align4d.results:
            results.play(copy)
        copy.property_unset("align4d")  # it is an object of no result, so that nobody takes it for one
        shown.objects.link(copy)
    empty = bpy.data.objects.new(result.name, None)
    empty.instance_type, empty.instance_collection, empty.location = "COLLECTION", shown, offset
    empty.show_name, empty.empty_display_size = True, 0.1
    empty.align4d.id, empty.align4d.job = beside.BESIDE, result.job
    scene_of(moved[0]).collection.objects.link(empty)
    return empty


def _width(moved: Sequence[bpy.types.Object], right: Vector) -> float:
    """How wide the objects are to the right, as they are shown."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    corners = [item.matrix_world @ Vector(corner) for item in moved for corner in item.evaluated_get(depsgraph).bound_box]
    return float(np.ptp([corner.dot(right.normalized()) for corner in corners]))
