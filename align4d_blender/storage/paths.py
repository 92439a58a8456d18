"""Every path by which the open .blend refers to files of Align4D's: of motions, of what the artist chose in the panel, of clips behind cameras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import folders, tags


@dataclass(eq=False)
class StoredPath:
    """A path in the .blend, relative to it where it begins with "//".

    Attributes:
        owner, name: the property that holds it.
        of_blender: whether Blender itself keeps it right when the file is saved elsewhere.
        library: of the .blend that it belongs to; None for the open one.
        changed: called after it was written.
    """

    owner: Any
    name: str
    of_blender: bool = False
    library: bpy.types.Library | None = None
    changed: Callable[[], None] | None = None

    @property
    def stored(self) -> str:
        """As the .blend has it."""
        return str(getattr(self.owner, self.name))

    @stored.setter
    def stored(self, value: str) -> None:
        if value != self.stored:
            setattr(self.owner, self.name, value)
            if self.changed:
                self.changed()

    @property
    def writable(self) -> bool:
        """Whether it is the open file's own; linked data is not, nor what an override takes from there."""
        return self.library is None and not self.owner.is_property_readonly(self.name)

    @property
    def actual(self) -> Path:
        """The file or folder behind it."""
        return absolute(self.stored, self.library)


former_homes: list[Path] = []
"""Folders from which the open .blend was saved elsewhere: what an undo brings back may be relative to one of them."""

sources: list[Callable[[], Iterator[StoredPath]]] = []
"""Rooms above this one add what only they know."""


def absolute(stored: str, library: bpy.types.Library | None = None) -> Path:
    """The file behind a stored path."""
    return Path(bpy.path.abspath(stored, library=library)).resolve()


def everything() -> Iterator[StoredPath]:
    """All of them, those of linked data too."""
    for scene in bpy.data.scenes:
        yield from of_group(scene.align4d, scene.library)
    for item in bpy.data.objects:
        for result in item.align4d.results:
            yield from of_group(result, item.library)
        cache = tags.point_cache(item)
        if cache:
            yield StoredPath(cache, "filepath", True, item.library)
    for kind in (bpy.data.images, bpy.data.movieclips):
        for block in kind:
            if block.filepath and block.users:
                yield StoredPath(block, "filepath", True, block.library)
    for source in sources:
        yield from source()


def of_group(group: Any, library: bpy.types.Library | None) -> Iterator[StoredPath]:
    """The paths among the properties of one of our groups, by what they are declared as."""
    for kind in group.bl_rna.properties:
        if kind.type == "STRING" and kind.subtype in {"FILE_PATH", "DIR_PATH"} and getattr(group, kind.identifier):
            yield StoredPath(group, kind.identifier, library=library)


def job_folders() -> set[Path]:
    """The job folders whose files the open .blend uses."""
    found = {folders.job_folder_of(path.actual) for path in everything() if path.stored}
    played = {folders.job_folder_of(motion_file(item, result)) for item in bpy.data.objects for result in item.align4d.results}
    return {folder for folder in found | played if folder}


def library_of(item: bpy.types.Object) -> bpy.types.Library | None:
    """The .blend that an object was linked from, itself or as what an override follows."""
    override = item.override_library
    return item.library or (override.reference.library if override and override.reference else None)


def motion_file(item: bpy.types.Object, result: Any) -> Path:
    """The file that a result of an object is played from: the first of those that it may mean that is there."""
    usual = absolute(result.motion)
    return usual if usual.is_file() else next((path for path in candidates(item, result.motion) if path.is_file()), usual)


def cleaned_file(played: Path) -> Path:
    """The file beside a point cache that is played in its place once it has been cleaned up."""
    return played.with_name(f"{played.stem}_cleaned{played.suffix}")


def candidates(item: bpy.types.Object, stored: str) -> list[Path]:
    """Files that a stored path of a motion may mean.

    Blender rewrites its modifier's path where an object is appended, or linked and made local, but not ours: that one may still be
    relative to the file that the object comes from.
    """
    own = library_of(item)
    files = [absolute(stored), *([absolute(stored, own)] if own else [])]
    cache = tags.point_cache(item)
    played = absolute(cache.filepath, item.library) if cache and cache.filepath else None
    folder = folders.job_folder_of(played) if played else None
    if folder:
        files.append(folder.parent / files[0].parents[1].name / files[0].parent.name / files[0].name)
    if stored.startswith("//"):
        files += [Path(bpy.path.abspath(stored, start=str(home))).resolve() for home in former_homes]
        files += [absolute(stored, library) for library in bpy.data.libraries]
    return list(dict.fromkeys(files))


def repair(item: bpy.types.Object) -> None:
    """Stores the paths of an object's motions as they are right for the open .blend, where they were written for another one."""
    if not item.is_editable:
        return
    for result in item.align4d.results:
        usual = absolute(result.motion)
        file = usual if usual.is_file() else motion_file(item, result)
        if file != usual and not result.is_property_readonly("motion"):
            result.motion = folders.stored_path(file)
    cache = tags.point_cache(item)
    if cache and cache.filepath and not absolute(cache.filepath, item.library).is_file():
        for result in item.align4d.results:
            file = motion_file(item, result)
            if result.job == item.align4d.job and file.is_file():
                cache.filepath = folders.stored_path(file)
