"""Removed results wait in a folder beside the jobs until the artist empties it; what is played again comes back by itself."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from . import folders
from .remembered import forget, remembered


def throw(folder: Path) -> bool:
    """Puts a job folder into the trash. Returns whether it is there now."""
    if not folders.is_job_folder(folder):
        return False
    place = folder.parent / folders.TRASH
    try:
        folders.delete(place / folder.name)  # the same result, removed before and brought back from a copy
        place.mkdir(exist_ok=True)
        os.rename(folder, place / folder.name)
    except OSError as error:
        print(f"Align4D: {folder} could not be put into the trash: {error}")
        return False
    forget()
    return True


def put_back(folder: Path) -> bool:
    """Takes a job folder out of the trash again, if it lies there. Returns whether it did."""
    thrown = folder.parent / folders.TRASH / folder.name
    if folder.exists() or not folders.is_job_folder(thrown):
        return False
    try:
        os.rename(thrown, folder)
    except OSError as error:
        print(f"Align4D: {thrown} could not be taken out of the trash: {error}")
        return False
    with suppress(OSError):
        thrown.parent.rmdir()
    forget()
    return True


def content(places: Iterable[Path]) -> list[Path]:
    """What lies in the trash beside the jobs of these places."""
    return [folder for place in places for folder in _entries(place / folders.TRASH) if folders.is_job_folder(folder)]


@remembered
def count(_blend: str) -> int:
    """How much there is of it for the open .blend, for what is drawn."""
    return len(content(folders.places()))


def empty(places: Iterable[Path]) -> int:
    """Deletes it for good. Returns how much it was."""
    thrown = content(places)
    for folder in thrown:
        folders.delete(folder)
        with suppress(OSError):
            folder.parents[1].rmdir()
    forget()
    return len(thrown)


def size(folder: Path) -> int:
    """Bytes of a job folder; what is a link is not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
