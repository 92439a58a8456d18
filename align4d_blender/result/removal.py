"""What Remove Result takes away, said before it does: which motions, off which objects, and whether their files can go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import bpy

from ..storage import folders, paths, saving, tags, trash, users
from . import results
from .playback import with_job


class Removal(NamedTuple):
    """One motion that is to be taken off objects.

    Attributes:
        folder: the job folder that it is played from; None where that is none of ours.
        kept_for: what else uses its files, in words; empty where they can go.
        size: of the files that can go [bytes].
    """

    job: str
    name: str
    items: tuple[bpy.types.Object, ...]
    folder: Path | None
    kept_for: str
    size: int

    @property
    def sentence(self) -> str:
        """What happens, for the artist."""
        objects = ", ".join(item.name for item in self.items)
        if self.folder is None:
            return f"{self.name}: off {objects}. Its files are not Align4D's own, and stay."
        if self.kept_for:
            return f"{self.name}: off {objects}. Its files stay: {self.kept_for}."
        return f"{self.name}: off {objects}. Nothing else that Align4D knows of plays its files ({self.size / 1e6:.1f} MB)."


def chosen(selected: Sequence[bpy.types.Object]) -> list[Removal]:
    """What is to be removed: the motions that the selected objects play; those of all objects where none of them has one.

    A solved camera stands for the objects of its motion.
    """
    tagged = [item for item in selected if item.align4d.job] or tags.tagged()
    playing: dict[str, dict[bpy.types.Object, None]] = {}
    for item in tagged:
        job = item.align4d.job
        own = [item] if item.align4d.results else [other for other, _ in with_job(job) if set(other.users_scene) & set(item.users_scene)]
        playing.setdefault(job, {}).update(dict.fromkeys(own))
    return [_removal(job, list(items)) for job, items in playing.items()]


def take_away(removals: Iterable[Removal], with_files: bool) -> None:
    """Takes the motions off; with `with_files` what nothing else uses goes to the trash when the .blend is saved. Pushes no undo step."""
    for removal in removals:
        results.remove(removal.items, removal.job)
        if with_files and removal.folder and not removal.kept_for:
            saving.discard(removal.folder)


def _removal(job: str, items: list[bpy.types.Object]) -> Removal:
    entries = [entry for item, entry in with_job(job) if item in items]
    name = entries[0].name if entries else job
    folder = folders.job_folder_of(paths.motion_file(items[0], entries[0])) if entries else None
    if folder is None or not folders.is_job_folder(folder):
        return Removal(job, name, tuple(items), None, "", 0)
    others = [item.name for item, _ in with_job(job) if item not in items]
    blend = Path(bpy.data.filepath).resolve() if bpy.data.filepath else None
    files = users.others(folder, blend)
    users_of_it = [*([f"{', '.join(others)} in this file"] if others else []), *map(str, files)]
    if users_of_it:
        return Removal(job, name, tuple(items), folder, f"they are played by {' and by '.join(users_of_it)}", 0)
    return Removal(job, name, tuple(items), folder, "", trash.size(folder))
