"""Results follow the .blend when it is saved; the files of removed ones go once it was saved without them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy

from . import folders, tags

_discarded: set[Path] = set()
"""Folders of removed results; deleted when the .blend is saved without them, so that undo and reverting can still bring them back."""


def discard(folder: Path) -> None:
    """Marks the folder of a removed result."""
    _discarded.add(folder)


def attach() -> None:
    """Starts to follow saving; the handlers outlive loading another file."""
    for place, handler in _HANDLERS:
        getattr(bpy.app.handlers, place).append(bpy.app.handlers.persistent(handler))


def detach() -> None:
    """Stops it."""
    for place, handler in _HANDLERS:
        getattr(bpy.app.handlers, place).remove(handler)


def _adopt(blend: Any, *_: object) -> None:
    """Before a save: copies results that lie in the user folder to where the .blend will be, and refers to them relatively."""
    if not blend:
        return
    _rebase(bpy.data.filepath, blend)
    waiting = folders.user_folder("jobs")
    for item in tags.tagged():
        for result in item.align4d.results:
            file = folders.actual_path(result.motion)
            old = file.parents[1]
            if old.parent != waiting or not old.is_dir():
                continue
            new = folders.beside(blend) / old.name
            try:
                folders.copy_result(old, new)
            except OSError as error:
                print(f"Align4D: the result stays in {old}: {error}")
                continue
            cache, stored = tags.point_cache(item), result.motion
            result.motion = bpy.path.relpath(str(new / file.relative_to(old)), start=str(Path(blend).parent))
            if cache and cache.filepath == stored:
                cache.filepath = result.motion


def _rebase(old: str, new: str) -> None:
    """Makes paths of results that are relative to one .blend relative to another; Blender does so for its own paths only."""
    if not old or Path(old).parent == Path(new).parent:
        return
    for item in tags.tagged():
        for result in item.align4d.results:
            if result.motion.startswith("//"):
                file = bpy.path.abspath(result.motion, start=str(Path(old).parent))
                with suppress(ValueError):  # another drive of Windows
                    result.motion = bpy.path.relpath(file, start=str(Path(new).parent))


def _come_back(blend: Any, *_: object) -> None:
    """After a copy was saved, or saving has failed: the open file is still the one before."""
    if blend and bpy.data.filepath:
        _rebase(blend, bpy.data.filepath)


def _delete_discarded(*_: object) -> None:
    """After a save: deletes the folders of results that the saved file no longer uses, unless another .blend beside it may."""
    if not bpy.data.filepath or len(list(Path(bpy.data.filepath).parent.glob("*.blend"))) > 1:
        return
    used = set().union(*(tags.job_folders(item) for item in tags.tagged()))
    for folder in list(_discarded - used):
        folders.delete(folder)
        _discarded.discard(folder)


_HANDLERS = (("save_pre", _adopt), ("save_post", _come_back), ("save_post", _delete_discarded), ("save_post_fail", _come_back))
