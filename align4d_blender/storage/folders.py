"""Where job folders lie: beside the .blend, or in the extension's user folder until the .blend is saved for the first time."""

from __future__ import annotations

import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path

import bpy

EXTENSION = __package__.rsplit(".", 2)[0]
"""Name of the extension's package, under which Blender keeps its preferences and its user folder."""

RECORD = "record.json"
"""What Blender's side knows of a job, in the job's folder."""


def user_folder(name: str) -> Path:
    """A folder of the extension that survives its updates."""
    return Path(bpy.utils.extension_path_user(EXTENSION, path=name, create=True)).resolve()


def new_job() -> tuple[str, Path]:
    """Id of a new job, and where its folder is to be made."""
    job = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    return job, (beside(bpy.data.filepath) if bpy.data.filepath else user_folder("jobs")) / job


def places() -> list[Path]:
    """The folders in which jobs of the open file may lie."""
    return [user_folder("jobs"), *([beside(bpy.data.filepath)] if bpy.data.filepath else [])]


def beside(blend: str) -> Path:
    """The folder of the jobs of a .blend."""
    return Path(blend).parent / "align4d"


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


def delete(folder: Path) -> None:
    """Deletes a job folder, and the folder around it when it is empty then."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def copy_result(old: Path, new: Path) -> None:
    """Copies what a result is played from to another job folder. Raises OSError. Locks stay behind: Windows lets nobody read a locked file."""
    shutil.copytree(old, new, ignore=shutil.ignore_patterns("*.lock", RECORD), dirs_exist_ok=True)
