"""Keeps the paths of Gaussians right when the .blend is saved, for the first time or elsewhere.

Blender itself moves relative paths that it knows to be paths; those of Gaussians are texts of nodes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..storage import folders
from . import sequence_object


def attach() -> None:
    """Starts to follow saving; the handlers outlive loading another file."""
    for handler in (_before, _after):
        bpy.app.handlers.persistent(handler)
    bpy.app.handlers.save_pre.append(_before)
    bpy.app.handlers.save_post.append(_after)
    bpy.app.handlers.save_post_fail.append(_after)


def detach() -> None:
    """Stops it."""
    bpy.app.handlers.save_post_fail.remove(_after)
    bpy.app.handlers.save_post.remove(_after)
    bpy.app.handlers.save_pre.remove(_before)


def _before(blend: Any, *_: object) -> None:
    """Before a save: relative paths become relative to where the .blend will be, and what lies in the user folder is copied there."""
    if blend:
        for item in sequence_object.everything():
            _point(item, Path(blend).parent)


def _after(blend: Any, *_: object) -> None:
    """After a copy was saved elsewhere, or nothing was, the open file's own paths are put right again."""
    if blend and bpy.data.filepath and Path(blend).parent != Path(bpy.data.filepath).parent:
        for item in sequence_object.everything():
            _point(item, Path(bpy.data.filepath).parent, Path(blend).parent)


def _point(item: bpy.types.Object, folder: Path, before: Path | None = None) -> None:
    """Rewrites the paths of one object for a .blend in `folder`; they were written for one in `before` (the open file's own folder)."""
    chosen = item.align4d_gaussians
    chosen.file = _moved(chosen.file, folder, before)
    if compat.NODES_READ_PLY:
        sequence_object.point_to_files(item)
    else:
        bake = sequence_object.shown_by(item).bakes[0]
        bake.directory = _moved(bake.directory, folder, before)


def _moved(stored: str, folder: Path, before: Path | None) -> str:
    start = str(before) if before else None
    path = Path(bpy.path.abspath(stored, start=start) if start else bpy.path.abspath(stored))
    waiting = folders.user_folder("jobs")
    if path.is_relative_to(waiting):
        job = path.relative_to(waiting).parts[0]
        adopted = folder / "align4d" / job
        try:
            folders.copy_result(waiting / job, adopted)
        except OSError as error:
            print(f"Align4D: the Gaussians stay in {path.parent}: {error}")
            return str(path)
        path = adopted / path.relative_to(waiting / job)
    elif not stored.startswith("//") and not path.is_relative_to(folder):
        return stored
    try:
        return bpy.path.relpath(str(path), start=str(folder))
    except ValueError:  # another drive of Windows
        return str(path)
