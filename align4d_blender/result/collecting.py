"""Collect Files: what a .blend uses and what lies elsewhere is copied beside it, so that its folder can be moved or sent as a whole."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bpy

from ..errors import UserError, write_error
from ..storage import folders, paths, tags
from ..storage.paths import StoredPath
from ..storage.remembered import forget, remembered

MEDIA = "media"
"""Folder for videos and pictures, beside the jobs."""


def elsewhere() -> list[StoredPath]:
    """The paths of the open .blend that lead out of its folder; none where it has no folder yet."""
    if not bpy.data.filepath:
        return []
    clips = _clips()
    ours = (path for path in paths.everything() if not isinstance(path.owner, bpy.types.ID) or path.owner in clips)
    return [path for path in ours if path.stored and path.writable and not _lies_in(path, Path(bpy.data.filepath).parent)]


@remembered
def count_elsewhere() -> int:
    """How many there are, for what is drawn."""
    return len(elsewhere())


def collect() -> tuple[int, int]:
    """Copies what is there of it, and rewrites the paths. Returns how many were rewritten, and how many lead to nothing. Raises UserError."""
    if not bpy.data.filepath:
        raise UserError("unsaved", "This file was never saved.", "Save it first: what it uses is copied beside it.")
    place = folders.beside(bpy.data.filepath)
    found = elsewhere()
    done = 0
    try:
        for path in found:
            copy = _copied(path, place)
            if copy:
                path.stored = folders.stored_path(copy)
                done += 1
    except OSError as error:
        raise write_error(error) from error
    finally:
        forget()
    return done, len(found) - done


def _clips() -> set[bpy.types.Image]:
    """The pictures behind solved cameras; others are the artist's, whom Blender's own External Data serves."""
    lenses = [cast(bpy.types.Camera, item.data) for item in tags.tagged() if item.type == "CAMERA"]
    return {background.image for lens in lenses for background in lens.background_images if background.image}


def _lies_in(path: StoredPath, home: Path) -> bool:
    """By the names alone: panels ask for it."""
    return Path(os.path.normpath(bpy.path.abspath(path.stored, library=path.library))).is_relative_to(home)


def _copied(path: StoredPath, place: Path) -> Path | None:
    """The copy of what a path leads to: a whole job, a sequence, or one file. None where there is nothing. Raises OSError."""
    import shutil  # Blender starts sooner without it

    file = path.actual
    job = folders.job_folder_of(file)
    if job and folders.is_job_folder(job):
        folders.copy_job(job, place / job.name)
        return place / job.name / file.relative_to(job)
    files = _sequence(path, file)
    if not files:
        return None
    folder = _free(place / MEDIA / file.parent.name, files)
    folder.mkdir(parents=True, exist_ok=True)
    for one in files:
        if not (folder / one.name).exists():
            shutil.copy2(one, folder / one.name)
    return folder if file.is_dir() else folder / file.name


def _sequence(path: StoredPath, file: Path) -> list[Path]:
    """The files that a path stands for: those of an image sequence, or of .ply files numbered in braces, all that lie in a folder, or one."""
    if file.is_dir():
        return [one for one in sorted(file.iterdir()) if one.is_file()]
    if "{" in file.name:
        pattern = re.compile(re.sub(r"\\\{[^{}]*\\\}", r"\\d+", re.escape(file.name)))
        return [one for one in sorted(file.parent.glob("*.ply")) if pattern.fullmatch(one.name)]
    if not file.is_file():
        return []
    numbered = path.name in {"video", "second_video"} or getattr(path.owner, "source", "") == "SEQUENCE"
    if not numbered or file.suffix.lower() not in bpy.path.extensions_image:
        return [file]
    head = file.stem.rstrip("0123456789")
    return [one for one in sorted(file.parent.glob(f"*{file.suffix}")) if one.stem.rstrip("0123456789") == head]


def _free(folder: Path, files: Sequence[Path]) -> Path:
    """A folder in which there are no other files of these names."""
    import filecmp

    number, found = 1, folder
    while any((found / one.name).exists() and not filecmp.cmp(found / one.name, one) for one in files):
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found
