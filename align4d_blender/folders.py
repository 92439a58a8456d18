"""Where job folders lie: beside the .blend, or in the extension's user folder until the .blend is saved for the first time."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy

from . import EXTENSION
from .jobs.record import RECORD, Target

MODIFIER = "Align4D"
"""Name of the point cache among an object's modifiers."""

_opened = 0
_discarded: set[Path] = set()
"""Folders of removed results; deleted when the .blend is saved without them, so that undo and reverting can still bring them back."""


def user_folder(name: str) -> Path:
    """A folder of the extension that survives its updates."""
    return Path(bpy.utils.extension_path_user(EXTENSION, path=name, create=True)).resolve()


def new_job() -> tuple[str, Path]:
    """Id of a new job, and where its folder is to be made."""
    job = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    return job, (_beside(bpy.data.filepath) if bpy.data.filepath else user_folder("jobs")) / job


def places() -> list[Path]:
    """The folders in which jobs of the open file may lie."""
    return [user_folder("jobs"), *([_beside(bpy.data.filepath)] if bpy.data.filepath else [])]


def opened() -> int:
    """Which of the files that this Blender has opened is open: a number that grows."""
    return _opened


def count_opened() -> None:
    """Another file was opened."""
    global _opened
    _opened += 1


def tag(targets: Iterable[Target]) -> None:
    """Writes their ids onto captured objects, so that they are found again in a later session under another name."""
    items = {item.session_uid: item for item in bpy.data.objects}
    for target in targets:
        items[target.uid].align4d.id = target.id


def stored_path(path: Path) -> str:
    """How a .blend refers to a file: relative to it once it is saved, so that both can be moved together."""
    if not bpy.data.filepath:
        return str(path)
    with suppress(ValueError):  # another drive of Windows
        return bpy.path.relpath(str(path))
    return str(path)


def actual_path(stored: str) -> Path:
    """The file behind a stored path."""
    return Path(bpy.path.abspath(stored)).resolve()


def discard(folder: Path) -> None:
    """Marks the folder of a removed result."""
    _discarded.add(folder)


def delete(folder: Path) -> None:
    """Deletes a job folder, and the folder around it when it is empty then."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def copy_result(old: Path, new: Path) -> None:
    """Copies what a result is played from to another job folder. Raises OSError. Locks stay behind: Windows lets nobody read a locked file."""
    shutil.copytree(old, new, ignore=shutil.ignore_patterns("*.lock", RECORD), dirs_exist_ok=True)


def tagged() -> list[bpy.types.Object]:
    """Every object that belongs to a result."""
    return [item for item in bpy.data.objects if item.align4d.job]


def point_cache(item: bpy.types.Object) -> bpy.types.MeshCacheModifier | None:
    """The modifier that plays an object's result."""
    modifier: bpy.types.Modifier | None = item.modifiers.get(MODIFIER)
    return modifier if isinstance(modifier, bpy.types.MeshCacheModifier) else None


def job_folders(item: bpy.types.Object) -> set[Path]:
    """The job folders that an object's results are played from."""
    return {actual_path(result.motion).parents[1] for result in item.align4d.results}


def attach() -> None:
    """Starts to follow saving; the handlers outlive loading another file."""
    for place, handler in _HANDLERS:
        getattr(bpy.app.handlers, place).append(bpy.app.handlers.persistent(handler))


def detach() -> None:
    """Stops it."""
    for place, handler in _HANDLERS:
        getattr(bpy.app.handlers, place).remove(handler)


def _beside(blend: str) -> Path:
    return Path(blend).parent / "align4d"


def _adopt(blend: Any, *_: object) -> None:
    """Before a save: copies results that lie in the user folder to where the .blend will be, and refers to them relatively."""
    if not blend:
        return
    _rebase(bpy.data.filepath, blend)
    waiting = user_folder("jobs")
    for item in tagged():
        for result in item.align4d.results:
            file = actual_path(result.motion)
            old = file.parents[1]
            if old.parent != waiting or not old.is_dir():
                continue
            new = _beside(blend) / old.name
            try:
                copy_result(old, new)
            except OSError as error:
                print(f"Align4D: the result stays in {old}: {error}")
                continue
            cache, stored = point_cache(item), result.motion
            result.motion = bpy.path.relpath(str(new / file.relative_to(old)), start=str(Path(blend).parent))
            if cache and cache.filepath == stored:
                cache.filepath = result.motion


def _rebase(old: str, new: str) -> None:
    """Makes paths of results that are relative to one .blend relative to another; Blender does so for its own paths only."""
    if not old or Path(old).parent == Path(new).parent:
        return
    for item in tagged():
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
    used = set().union(*(job_folders(item) for item in tagged()))
    for folder in list(_discarded - used):
        delete(folder)
        _discarded.discard(folder)


_HANDLERS = (("save_pre", _adopt), ("save_post", _come_back), ("save_post", _delete_discarded), ("save_post_fail", _come_back))
