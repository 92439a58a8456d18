"""Where job folders lie: beside the .blend, or in the extension's user folder until the .blend is saved for the first time."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import bpy

from ...engine.align4d.protocol.files import is_link

EXTENSION = __package__.rsplit(".", 2)[0]
"""Name of the extension's package, under which Blender keeps its preferences and its user folder."""

RECORD = "record.json"
"""What Blender's side knows of a job, in the job's folder."""

USERS = "users.json"
"""Which .blend files play a result, in the job's folder; see `users`."""

BAKE = "bake.json"
"""Names the folder of a bake as a job's request names a job's."""

PLACE = "align4d"
"""Name of the folder beside a .blend that its jobs lie in."""

TRASH = "trash"
"""Name of the folder beside the jobs that removed ones lie in."""

_NAMING = {"request.json": "job", "output/result.json": "job", RECORD: "id", BAKE: "job"}
"""Files of a job's folder that name the job, and the key by which they do."""


def user_folder(name: str) -> Path:
    """A folder of the extension that survives its updates."""
    return Path(bpy.utils.extension_path_user(EXTENSION, path=name, create=True)).resolve()


def new_job() -> tuple[str, Path]:
    """Id of a new job, and where its folder is to be made."""
    import uuid  # Blender starts sooner without it

    job = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    return job, (beside(bpy.data.filepath) if bpy.data.filepath else user_folder("jobs")) / job


def places() -> list[Path]:
    """The folders in which jobs of the open file may lie."""
    return [user_folder("jobs"), *([beside(bpy.data.filepath)] if bpy.data.filepath else [])]


def beside(blend: str) -> Path:
    """The folder of the jobs of a .blend."""
    return Path(blend).parent / PLACE


def stored_path(path: Path) -> str:
    """How a .blend refers to a file: relative to it once it is saved, so that both can be moved together."""
    if not bpy.data.filepath:
        return str(path)
    with suppress(ValueError):  # another drive of Windows
        return bpy.path.relpath(str(path))
    return str(path)


def job_folder_of(path: Path) -> Path | None:
    """The job folder that a file lies in, by the names on its way alone; None for one that lies elsewhere, or in the trash."""
    waiting = user_folder("jobs")
    near = (folder for folder in path.parents if folder.parent.name == PLACE or folder.parent == waiting)
    return next((folder for folder in near if folder.name != TRASH), None)


def is_job_folder(folder: Path) -> bool:
    """Whether this is one of our own job folders, which alone may be written to and deleted.

    A .blend comes from anywhere and may name any folder. Ours lies beside a .blend or in the extension's user folder, or in the trash there;
    it holds a file that names the job as the folder is called; and there is no link on the way.
    """
    place = folder.parent.parent if folder.parent.name == TRASH else folder.parent
    if place != user_folder("jobs") and not (place.name == PLACE and any(place.parent.glob("*.blend"))):
        return False
    if any(is_link(one) or not one.is_dir() for one in (folder, folder.parent, place)):
        return False
    named = {name for name in (_named(folder, file, key) for file, key in _NAMING.items()) if name}
    return named == {folder.name}


def _named(folder: Path, file: str, key: str) -> str:
    """The job that a file of a job folder names; "" where there is no such file."""
    path = folder / file
    if is_link(path) or is_link(path.parent):
        return ""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def delete(folder: Path) -> None:
    """Deletes a job folder or a part of one, and nothing else, for good; also the folder around it when it is empty then."""
    if is_job_folder(folder) or is_job_folder(folder.parent):
        delete_new(folder)


def delete_new(folder: Path) -> None:
    """Deletes a job folder that could not be finished: only for the one who has just made it."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def copy_job(old: Path, new: Path) -> None:
    """Gives what results are played from a second place. Raises OSError.

    Files are hard links where the disk has them: they are never written again, and take no time and no room that way. Locks stay behind
    (Windows lets nobody read a locked file), as does what is true of the old place only, and whatever is a link.
    """
    import shutil

    shutil.copytree(old, new, ignore=_left_behind, dirs_exist_ok=True, copy_function=_link_or_copy)


def _left_behind(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in {RECORD, USERS} or name.endswith(".lock") or is_link(Path(folder, name))}


def _link_or_copy(old: str, new: str) -> None:
    import filecmp
    import shutil

    try:
        os.link(old, new)
    except FileExistsError:
        if not filecmp.cmp(old, new):
            os.unlink(new)  # not written over: it may be the same file as one elsewhere
            shutil.copy2(old, new)
    except OSError:  # another disk, or one without links
        shutil.copy2(old, new)
