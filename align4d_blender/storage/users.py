"""Which .blend files play the results of a job: each one that is saved or opened here is noted in the job's folder."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, cast

from ...engine.align4d.protocol import replacing
from . import folders

_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""First bytes of a compressed .blend."""

_BLOCK = 1 << 22
"""Bytes that are searched at once."""


def add(folder: Path, blend: Path) -> None:
    """Notes that a .blend plays results of a job folder; a folder that cannot be written to goes without."""
    _write(folder, _read(folder) | {blend})


def discard(folder: Path, blend: Path) -> None:
    """Notes that it does so no more."""
    _write(folder, _read(folder) - {blend})


def others(folder: Path, blend: Path | None) -> list[Path]:
    """The .blend files besides `blend` that play results of a job folder, as far as can be known.

    They are those that were noted, also where their disk is not there at this moment; and those beside the jobs in which the job's id stands:
    a file that was copied, or saved without this extension, is not noted.
    """
    noted = {one for one in _read(folder) if one.exists() or not one.parent.exists()}
    beside = folder.parents[1].glob("*.blend") if folder.parent.name == folders.PLACE else ()
    unknown = {one for one in beside if one not in noted and one != blend and _may_name(one, folder.name)}
    return sorted((noted | unknown) - {blend})


def _may_name(blend: Path, job: str) -> bool:
    """Whether a job's id stands anywhere in a .blend; also where that cannot be found out."""
    wanted, before = job.encode(), b""
    try:
        with open(blend, "rb") as file:
            for block in iter(partial(_uncompressed(file).read, _BLOCK), b""):
                if wanted in before + block:
                    return True
                before = block[-len(wanted) :]
    except Exception:  # whatever a damaged file makes its readers raise
        return True
    return False


def _uncompressed(file: IO[bytes]) -> IO[bytes]:
    """Reads through Blender's compression: Zstandard, whose reader comes with Blender, or gzip before Blender 3."""
    start = file.read(4)
    file.seek(0)
    if start.startswith(_GZIP):
        import gzip

        return cast(IO[bytes], gzip.open(file))
    if start == _ZSTANDARD:
        import zstandard

        return cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))
    return file


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
