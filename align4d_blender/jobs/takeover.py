"""A job that broke off goes on where it was: its checkpoint is handed to the next job, where that asks for exactly the same."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from ...engine.align4d import protocol


def take_over(old: Path, new: Path) -> bool:
    """Moves the checkpoint of the job folder `old` to `new`, if both have the same inputs. Returns whether it did."""
    if not (old / "work").is_dir() or _asked(old) != _asked(new) or _inputs(old) != _inputs(new):
        return False
    os.replace(old / "work", new / "work")
    return True


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
