"""What results are played from follows the .blend: saved elsewhere it takes a copy along, and paths say where things are then.

Blender itself rewrites the relative paths that it knows when a file is saved in another folder, but neither those of an extension nor what
they lead to. Removed results go to the trash once the .blend was saved without them, so that undo and reverting still find them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from . import folders, paths, tags, trash, users
from .paths import StoredPath

_used: set[Path] = set()
"""Job folders that the open file has played since it was opened, as far as it is noted there."""

_discarded: set[Path] = set()
"""Of these the ones that may go to the trash when nothing plays them any more."""


@dataclass
class _Save:
    """One save on its way: what was rewritten for it.

    Attributes:
        old, new: folder of the .blend before and after; old is None for a file that was never saved.
        rewritten: paths, and what they were before.
        copied: job folders and their copies.
    """

    old: Path | None
    new: Path
    rewritten: list[tuple[StoredPath, str]] = field(default_factory=list)
    copied: dict[Path, Path] = field(default_factory=dict)

    def follow(self, path: StoredPath) -> None:
        """Makes a path right for where the .blend will be."""
        stored, target = path.stored, path.actual
        moved = self._copy_of(target)
        relative = stored.startswith("//") or moved is not None or (self.old is None and bpy.context.preferences.filepaths.use_relative_paths)
        if not relative or (moved is None and (path.of_blender or self.old == self.new)):
            return
        base = self.old if path.of_blender and self.old else self.new  # Blender goes on to rewrite its own from the old to the new folder
        try:
            value = bpy.path.relpath(str(moved or target), start=str(base))
        except ValueError:  # another drive of Windows
            value = str(moved or target)
        if value != stored:
            self.rewritten.append((path, stored))
            path.stored = value

    def _copy_of(self, target: Path) -> Path | None:
        """Where a file of a job lies that goes along with the .blend; None for what stays where it is."""
        folder = folders.job_folder_of(target)
        if folder is None or folder.parent == self.new / folders.PLACE:
            return None
        if folder.parent not in (folders.user_folder("jobs"), *([self.old / folders.PLACE] if self.old else [])):
            return None
        if folder not in self.copied:
            if not folders.is_job_folder(folder):
                return None
            try:
                folders.copy_job(folder, self.new / folders.PLACE / folder.name)
            except OSError as error:
                print(f"Align4D: the result stays in {folder}: {error}")
                return None
            self.copied[folder] = self.new / folders.PLACE / folder.name
        return self.copied[folder] / target.relative_to(folder)

    def take_back(self) -> None:
        """The open file is still the one before."""
        for path, stored in self.rewritten:
            path.stored = stored


_save: _Save | None = None


def discard(folder: Path) -> None:
    """Lets a folder go to the trash when the file is saved, unless something that is known of uses it then."""
    if folders.is_job_folder(folder):
        _discarded.add(folder)


def before(blend: str) -> None:
    """Before a save: every path is made right for where the file will be."""
    global _save
    _save = None
    if not blend:
        return
    old = Path(bpy.data.filepath).resolve().parent if bpy.data.filepath else None
    _save = _Save(old, Path(blend).resolve().parent)
    for item in tags.tagged():
        paths.repair(item)
    for path in list(paths.everything()):
        if path.stored and path.writable:
            _save.follow(path)


def after(blend: str) -> None:
    """After a save: the file is noted where it plays something; a copy leaves the open file as it was."""
    global _save
    if not blend:
        return
    saved = Path(blend).resolve()
    used = _used_by(saved.parent)
    _note(used, saved)
    if bpy.data.filepath and saved == Path(bpy.data.filepath).resolve():
        if _save and _save.old and _save.old != _save.new:
            paths.former_homes.append(_save.old)
        _used.update(used)
        _throw_away(saved)
    elif _save:
        _save.take_back()
    _save = None


def failed() -> None:
    """After a save that has failed."""
    global _save
    if _save:
        _save.take_back()
    _save = None


def _used_by(home: Path) -> set[Path]:
    """The job folders that the .blend in this folder has just been saved with."""
    copies = set(_save.copied.values()) if _save else set()
    return copies | {folder for folder in paths.job_folders() if not (_save and folder in _save.copied and home != _save.old)}


def _throw_away(blend: Path) -> None:
    """Puts what was removed into the trash, where nothing uses it."""
    used = paths.job_folders()
    for folder in _used - used:
        users.discard(folder, blend)
    for folder in list(_discarded - used):
        if not users.others(folder, blend) and trash.throw(folder):
            _discarded.discard(folder)


def opened() -> None:
    """Another file is open: what it plays is looked for, and it is noted there."""
    _discarded.clear()
    _used.clear()
    paths.former_homes.clear()
    bring_back()
    if bpy.data.filepath:
        _used.update(paths.job_folders())
        _note(_used, Path(bpy.data.filepath).resolve())


def _note(used: Iterable[Path], blend: Path) -> None:
    for folder in used:
        users.add(folder, blend)


def bring_back() -> None:
    """Takes out of the trash what the open file plays again, after undo or in another file, and repairs paths that were written for another."""
    for item in tags.tagged():
        files = [path for result in item.align4d.results for path in paths.candidates(item, result.motion)]
        played = {folder for file in files if (folder := folders.job_folder_of(file))}
        if [folder for folder in played if trash.put_back(folder)]:
            item.update_tag()
        paths.repair(item)
