"""Jobs of an earlier session are found again: those that broke off with Blender, those that failed or were cancelled, and results that
no scene has received yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy

from ..runtime import refusal
from ..storage import folders
from . import queue, record, session
from .record import Job


def opened() -> None:
    """Another file is open: its own jobs are listed, and of the others those that still go on."""
    session.count_opened()
    refusal.last = None
    for other in [one for one in queue.listed if one.ended and one.blend != bpy.data.filepath]:
        queue.listed.remove(other)
        other.release()
    look()


def look() -> None:
    """Lists what earlier sessions have left to this file."""
    queue.add_found(_found())
    if not bpy.app.background:
        queue.watch()


def _found() -> Iterator[Job]:
    """The jobs on disk that are not on the list and that no other Blender has, the oldest first. What is wrong with one hides no other."""
    listed = {one.id for one in queue.listed}
    records = [record.read(folder) for place in folders.places() for folder in _with_records(place)]
    for found in sorted((one for one in records if one), key=lambda one: one.created):
        try:
            if found.state == "done" or found.id in listed or not _belongs(found) or not found.own():
                continue
            _settle(found)
        except Exception as error:  # a folder that cannot be written to, for one
            print(f"Align4D: the job in {found.folder} is left alone: {error!r}")
            continue
        yield found


def _with_records(place: Path) -> list[Path]:
    try:
        return [path.parent for path in place.glob(f"*/{record.RECORD}")]
    except OSError as error:
        print(f"Align4D: {place} cannot be looked through: {error}")
        return []


def _belongs(found: Job) -> bool:
    """Whether a job is this file's: it lies beside it, or it was started in it, or in a file that was never saved."""
    if found.folder.parent == folders.user_folder("jobs"):
        return found.blend in {"", bpy.data.filepath}
    return Path(found.blend).name == Path(bpy.data.filepath).name


def _settle(found: Job) -> None:
    """What has become of a job whose Blender ended."""
    if found.blend and bpy.data.filepath:
        found.blend = bpy.data.filepath  # both may have been moved together
    if found.complete and found.blend and found.state in record.ACTIVE:
        found.state = "waiting"
    elif found.state == "submitted":
        found.stage, found.went_on = "Looking for its batch", True  # the queue sees what has become of it
    elif found.state in record.ACTIVE - {"collected"}:
        found.state = "interrupted"


def saved() -> None:
    """The file has a place, or another one: its jobs belong there from now on."""
    for one in queue.listed:
        if one.opened == session.opened() and one.blend != bpy.data.filepath:
            one.blend = bpy.data.filepath
            queue.record(one)
