"""What shows the results of an object beside it: an empty for each, with a copy of what moves. A click selects the empty."""

from __future__ import annotations

import bpy

from ..storage import tags
from .playback import active, with_job

BESIDE = "beside"
"""Id of these empties; their job is that of the result that they show."""


def of(item: bpy.types.Object) -> list[bpy.types.Object]:
    """The empties that show results of an object."""
    jobs = {result.job for result in item.align4d.results}
    return [one for one in tags.tagged() if one.align4d.id == BESIDE and one.align4d.job in jobs]


def owner(empty: bpy.types.Object | None) -> bpy.types.Object | None:
    """An object that has the result which an empty shows; None where it shows none."""
    if empty is None or empty.align4d.id != BESIDE:
        return None
    return next((item for item, _ in with_job(empty.align4d.job) if active(item)), None)


def remove(empty: bpy.types.Object) -> None:
    """Takes an empty away, and the copies that it shows."""
    shown = empty.instance_collection
    bpy.data.objects.remove(empty)
    if shown is not None and not shown.users:
        for copy in list(shown.objects):
            bpy.data.objects.remove(copy)
        bpy.data.collections.remove(shown)
