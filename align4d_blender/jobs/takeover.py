"""A job that broke off goes on where it was: all that was reached is handed to the next job, where that asks for exactly the same."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path

from ...engine.align4d import protocol
from .record import Job

_REACHED = ("work", "output")
"""Folders of a job that hold what the engine has reached; a generated video lies in the second."""


def take_over(old: Job, new: Job) -> bool:
    """Moves what `old` has reached to `new`, if both were made of the same: the same request, and the same files of the same date.

    Whether a file of the same date and size holds the same is for the engine to see, which reads it anyway. Returns whether it was moved.
    Raises OSError or ProtocolError, and leaves everything where it was then.
    """
    if old.sources != new.sources or _asked(old.folder) != _asked(new.folder) or _inputs(old.folder) != _inputs(new.folder):
        return False
    moved: list[str] = []
    try:
        for name in _REACHED:
            if (old.folder / name).is_dir():
                _move(old.folder / name, new.folder / name)
                moved.append(name)
    except OSError:
        for name in moved:
            _move(new.folder / name, old.folder / name)
        raise
    return bool(moved)


def sources(folder: Path) -> dict[str, list[int]]:
    """Size and date of each file outside a job's folder that its request names; nothing of one that is not there. Raises ProtocolError."""
    request = protocol.read_request(folder)
    video = request.video
    chosen = video.images[video.first : None if video.last < 0 else video.last + 1]
    found = {}
    for name in (video.path, *chosen, request.image, request.gaussian_asset):
        with suppress(OSError):
            status = Path(name).stat() if name else None
            if status:
                found[name] = [status.st_size, status.st_mtime_ns]
    return found


def _move(source: Path, target: Path) -> None:
    """Moves a folder, to another disk too, in the place of an empty one."""
    import shutil  # Blender starts sooner without it

    if target.is_dir():
        target.rmdir()
    shutil.move(source, target)


def _asked(folder: Path) -> str:
    """All of the request but the ids, which are new each time."""
    request = dataclasses.replace(protocol.read_request(folder), job="")
    objects = [dataclasses.replace(item, id="") for item in request.objects]
    return repr(dataclasses.replace(request, objects=tuple(objects), settings=dict(sorted(request.settings.items()))))


def _inputs(folder: Path) -> str:
    """Fingerprint of all files under input/."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted((folder / "input").iterdir()):
        if path.stem == protocol.GENERATED:
            continue  # the engine puts it there again
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
