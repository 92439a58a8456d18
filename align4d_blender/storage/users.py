"""Which .blend files play the results of a job: each one that is saved or opened here is noted in the job's folder."""

from __future__ import annotations

import json
import mmap
import os
from contextlib import suppress
from pathlib import Path

from ...engine.align4d.protocol import replacing
from . import folders

_UNCOMPRESSED = b"BLENDER"
"""First bytes of a .blend that can be searched as it is."""


def add(folder: Path, blend: Path) -> None:
    """Notes that a .blend plays results of a job folder; a folder that cannot be written to goes without."""
    _write(folder, _read(folder) | {blend})


def discard(folder: Path, blend: Path) -> None:
    """Notes that it does so no more."""
    _write(folder, _read(folder) - {blend})


def others(folder: Path, blend: Path | None) -> list[Path]:
    """The .blend files besides `blend` that play results of a job folder, as far as can be known.

    They are those that were noted, also where their disk is not there at this moment; and those beside the jobs that name the job, or that
    cannot be searched because they are compressed: a file that was copied, or saved without this extension, is not noted.
    """
    noted = {one for one in _read(folder) if one.exists() or not one.parent.exists()}
    beside = folder.parents[1].glob("*.blend") if folder.parent.name == folders.PLACE else ()
    unknown = {one for one in beside if one not in noted and one != blend and _may_name(one, folder.name)}
    return sorted((noted | unknown) - {blend})


def _may_name(blend: Path, job: str) -> bool:
    try:
        with open(blend, "rb") as file:
            if file.read(len(_UNCOMPRESSED)) != _UNCOMPRESSED:
                return True
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return content.find(job.encode()) >= 0
    except OSError:
        return True


def _read(folder: Path) -> set[Path]:
    """Absolute paths; files beside the jobs are noted relatively, so that a project can be moved."""
    try:
        noted = json.loads((folder / folders.USERS).read_text(encoding="utf-8"))["blends"]
        return {Path(os.path.normpath(folder.parents[1] / str(one))) for one in noted}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _write(folder: Path, blends: set[Path]) -> None:
    if blends == _read(folder) or not folders.is_job_folder(folder):
        return
    home = folder.parents[1]
    noted = [blend.relative_to(home).as_posix() if blend.is_relative_to(home) else str(blend) for blend in sorted(blends)]
    with suppress(OSError), replacing(folder / folders.USERS, "w") as file:
        json.dump({"blends": noted}, file, ensure_ascii=False, indent=1)
